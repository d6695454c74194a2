import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import type { RingKeeperMessage, RingNews } from '../actors/ring/ring-keeper-protocol.ts'
import type { RingView } from '../actors/ring/ring-view.ts'
import type { Behaviour } from '../runtime/actor.ts'

/** What each host says of the ring, by the host's name. */
export type RingViews = Map<string, RingView>

export interface ObserverArguments {
  /** Hosts to ask, anew each time. */
  readonly hosts: () => readonly string[]
  readonly views: RingViews
}

type ObserverMessage = RingNews | { readonly kind: 'ask' }

interface ObserverState {
  readonly args: ObserverArguments
  readonly asked: string[]
}

const askMs = 1_000

/** Asks every host's ring keeper again and again. */
export const ringObserver: Behaviour<ObserverState, ObserverMessage, ObserverArguments, undefined> = {
  kind: 'ring-observer',

  start(args, context) {
    context.after(0, { kind: 'ask' })
    return { args, asked: [] }
  },

  receive(state, message, context) {
    if (message.kind === 'ring') {
      const host = state.asked[context.correlation - 1]
      if (host !== undefined) state.args.views.set(host, message.view)
    } else if (message.kind === 'ask') {
      for (const host of state.args.hosts()) {
        let at = state.asked.indexOf(host)
        if (at < 0) at = state.asked.push(host) - 1
        const to: Ref<RingKeeperMessage> = {
          address: addressOf(threadAddressOf(host, 'system'), 'ring-keeper'),
          correlation: 0,
          incarnation: 0
        }
        const have = state.args.views.get(host)?.revision ?? ''
        context.signal(to, { kind: 'subscribe', have, replyTo: context.replyRef<RingNews>(at + 1) })
      }
      context.after(askMs, { kind: 'ask' })
    }
  }
}
