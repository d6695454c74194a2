import type { Behaviour } from '../../runtime/index.ts'
import type { TranslatorMessage } from './protocol.ts'

const words: Readonly<Record<string, string>> = { bell: 'Glocke', tower: 'Turm', bridge: 'Brücke', river: 'Fluss' }

interface TranslatorState {
  answered: number
}

/** Translates words. A word that it does not know is its end: its supervisor starts a new one, which knows nothing of it. */
export const translator: Behaviour<TranslatorState, TranslatorMessage> = {
  kind: 'translator',

  start() {
    return { answered: 0 }
  },

  receive(state, message, context) {
    const translation = words[message.word]
    if (translation === undefined) throw new Error(`I never heard of '${message.word}'`)
    state.answered += 1
    context.send(message.replyTo, { kind: 'translated', word: message.word, translation })
  },

  summary: state => ({ answered: state.answered })
}
