import type { Ref } from '../../runtime/index.ts'

/** What the translator may be told. */
export type TranslatorMessage = { readonly kind: 'translate'; readonly word: string; readonly replyTo: Ref<TravellerMessage> }

/** What the traveller may be told: answers, and his own alarm clock. */
export type TravellerMessage =
  | { readonly kind: 'translated'; readonly word: string; readonly translation: string }
  | { readonly kind: 'no-answer'; readonly question: number }
