// test: alone
import t from 'tap'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { root } from '../project/checkout.ts'
import { startCluster } from './cluster-rig.ts'

const exampleMsMax = 20_000
/** Of the first host, in the README. */
const httpPortPrinted = 7071

interface Example {
  readonly language: string
  readonly code: string
  /** What the README says comes of it; '' where it says nothing. */
  readonly printed: string
}

t.test('README.md: its examples, run in their order on three hosts → print what it says', async t => {
  const cluster = await startCluster(t)
  const [first] = cluster.hosts
  if (first === undefined) throw new Error('the cluster has no hosts')
  const moved = (text: string) =>
    text.replace(/\b7[04][27][1-3]\b/g, port => String(Number(port) - httpPortPrinted + first.httpPort))
  const directory = t.testdir()
  const examples = examplesOf(readFileSync(join(root, 'README.md'), 'utf8')).filter(example => !example.code.startsWith('npm '))
  t.same(
    examples.map(example => example.language),
    ['sh', 'sh', 'js', 'wire', 'js']
  )
  for (const [index, { language, code, printed }] of examples.entries()) {
    const name = `example ${index + 1} (${language}), ${code.split('\n')[0]}`
    const runnable = moved(code)
    if (language === 'wire') {
      const { sent, received } = sidesOf(code)
      t.match(await overSocket(first.natsPort, sent, received.length), patternOf(received.join('\n')), name)
    } else if (language === 'sh') {
      // Two replies without an end of line between them: the README shows each on its own.
      t.match((await run('sh', ['-c', runnable.replaceAll('curl ', "curl -sS -w '\\n' ")])).trim(), patternOf(printed), name)
    } else {
      const file = join(directory, `example-${index}.mjs`)
      writeFileSync(file, ofThisBuild(runnable))
      t.match((await run(process.execPath, [file])).trim(), patternOf(printed), name)
    }
  }
})

/** A fenced block, and the `text` block behind it, if there is one. */
function examplesOf(markdown: string): Example[] {
  const blocks = [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)\n```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code
  }))
  return blocks.flatMap((block, at) => {
    if (block.language === 'text') return []
    const next = blocks[at + 1]
    return [{ ...block, printed: next?.language === 'text' ? next.code : '' }]
  })
}

function sidesOf(code: string): { sent: string[]; received: string[] } {
  const lines = code.split('\n')
  const side = (mark: string) => lines.filter(line => line.startsWith(mark)).map(line => line.slice(2))
  return { sent: side('>'), received: side('<') }
}

/** `…` stands for what differs from run to run. */
function patternOf(printed: string): RegExp {
  const parts = printed.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('[^"\\n]+')}$`)
}

/** `carillon` is this build, also where the tests were not compiled into `build/`. */
function ofThisBuild(code: string): string {
  const entry = new URL('../../index.js', import.meta.url).href
  return import.meta.resolve('carillon') === entry ? code : code.replace("'carillon'", `'${entry}'`)
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: exampleMsMax }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`))
    })
  })
}

/** Types the lines; @returns the first `count` lines that come, the server's greeting and its pings aside. */
function overSocket(port: number, lines: readonly string[], count: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n`))
    let text = ''
    const ended = (settle: () => void) => {
      clearTimeout(timer)
      socket.destroy()
      settle()
    }
    const timer = setTimeout(() => ended(() => reject(new Error(`not within ${exampleMsMax} ms; so far: ${text}`))), exampleMsMax)
    socket.on('error', error => ended(() => reject(error)))
    socket.on('data', chunk => {
      text += chunk.toString('utf8')
      const received = text.split('\r\n').filter(line => !line.startsWith('INFO ') && line !== 'PING')
      if (received.length > count) ended(() => resolve(received.slice(0, count).join('\n')))
    })
  })
}
