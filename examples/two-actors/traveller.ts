import type { Behaviour, Ref, TimerId } from '../../runtime/index.ts'
import type { TranslatorMessage, TravellerMessage } from './protocol.ts'

export interface TravellerArgs {
  readonly words: readonly string[]
  readonly translator: Ref<TranslatorMessage>
  readonly patienceMs: number
  readonly say: (line: string) => void
}

interface TravellerState extends TravellerArgs {
  /** Which word he asks for; also the correlation of his question. */
  question: number
  alarm: TimerId
}

/** Asks for one word after the other, and waits for each answer, but not for ever. */
export const traveller: Behaviour<TravellerState, TravellerMessage, TravellerArgs> = {
  kind: 'traveller',

  start(args, context) {
    const state: TravellerState = { ...args, question: 0, alarm: 0 }
    ask(state, context)
    return state
  },

  receive(state, message, context) {
    if (message.kind === 'translated') {
      if (context.correlation !== state.question) return
      state.say(`${message.word} is ${message.translation}`)
    } else {
      if (message.question !== state.question) return
      state.say(`no answer for ${state.words[state.question]}`)
    }
    next(state, context)
  },

  undelivered(state, reason, context) {
    if (context.correlation !== state.question) return
    state.say(`${state.words[state.question]} was not delivered: ${reason}`)
    next(state, context)
  },

  idle: state => state.question >= state.words.length
}

type TravellerContext = Parameters<typeof traveller.receive>[2]

function ask(state: TravellerState, context: TravellerContext): void {
  const word = state.words[state.question]!
  state.alarm = context.after(state.patienceMs, { kind: 'no-answer', question: state.question })
  context.send(
    state.translator,
    { kind: 'translate', word, replyTo: context.replyRef<TravellerMessage>(state.question) },
    state.patienceMs
  )
}

function next(state: TravellerState, context: TravellerContext): void {
  context.cancel(state.alarm)
  state.question += 1
  if (state.question < state.words.length) ask(state, context)
  else {
    state.say('goodbye')
    context.exit('normal')
  }
}
