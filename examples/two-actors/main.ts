import { incarnationsFrom, type Log, PortExchange, systemClock, ThreadGroup, threadAddressOf } from '../../runtime/index.ts'

/**
 * Two actors on two threads: a traveller asks a translator for words. One word makes the translator crash; its
 * supervisor starts it again, and the traveller, who had waited long enough, goes on with the next word.
 * Run it after a build: node build/examples/two-actors/main.js
 */

const words = ['bell', 'tower', 'schadenfreude', 'bridge']

let done: () => void = () => undefined
const travelled = new Promise<void>(resolve => {
  done = resolve
})

const log: Log = {
  debug: () => undefined,
  info(_fields, text) {
    console.log(text)
    if (text === 'goodbye') done()
  },
  warn: (_fields, text) => console.log(`warning: ${text}`),
  error: (fields, text) => console.log(`${text}: ${String(fields.actor ?? fields.thread)}, ${String(fields.error)}`)
}

const exchange = new PortExchange()
const configure = (name: string) => () => {
  const port = exchange.attach(threadAddressOf('example', name))
  return { config: { port, words }, transfer: [port] }
}
const module = new URL('./thread.js', import.meta.url)
const threads = new ThreadGroup(
  {
    name: 'countries',
    strategy: 'one-for-one',
    intensity: 3,
    periodMs: 10_000,
    threads: [
      { name: 'abroad', module, configure: configure('abroad') },
      { name: 'home', module, configure: configure('home') }
    ]
  },
  { host: 'example', clock: systemClock, log, incarnationBase: incarnationsFrom(systemClock) }
)

await threads.start()
await travelled
const tree = await threads.describe()
const translator = tree.children[0]?.children[0]?.children[0]
console.log(`the translator was restarted ${translator?.restarts ?? '?'} time`)
await threads.stop()
exchange.close()
