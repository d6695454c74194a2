import fc from 'fast-check'
import t from 'tap'
import { hintKeyOf, hintsEnd, hintsStart } from '../../../model/hint.ts'
import { digestOf } from '../../../model/siblings-codec.ts'
import { CoordinatorRig, key, recordBy, uidOfHost } from '../coordinator/coordinator-rig.ts'

const targets = ['h2', 'h3']

function hintsOnDisk(rig: CoordinatorRig): number {
  let hints = 0
  for (const stored of rig.disk.pairs(0)?.keys() ?? []) if (stored > hintsStart && stored < hintsEnd) hints++
  return hints
}

type Step =
  | { readonly do: 'hint' | 'delivered'; readonly at: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'full'; readonly on: boolean }

const stepOf = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('hint' as const, 'delivered' as const), at: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0.1, 0.3, 1, 3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('full' as const), on: fc.boolean() }) }
) as fc.Arbitrary<Step>

t.test(
  'I13: hints are kept, replaced and delivered faster than the disk takes them, which is full now and then → the ledger knows what lies there',
  async t => {
    let most = 0
    fc.assert(
      fc.property(fc.array(stepOf, { minLength: 3, maxLength: 30 }), steps => {
        const rig = new CoordinatorRig()
        let counter = 0
        const latest = new Map<number, Uint8Array>()
        for (const step of steps) {
          switch (step.do) {
            case 'hint': {
              const siblings = recordBy('h9', ++counter)
              latest.set(step.at, siblings)
              const target = uidOfHost(targets[step.at]!)
              rig.vnode(replyTo => ({
                kind: 'hint',
                target,
                key,
                siblings,
                resolver: 'siblings',
                durability: 'flushed',
                replyTo
              }))
              break
            }
            case 'delivered': {
              const siblings = latest.get(step.at)
              const target = uidOfHost(targets[step.at]!)
              if (siblings !== undefined) rig.vnode(() => ({ kind: 'hint-delivered', target, key, digest: digestOf(siblings) }))
              break
            }
            case 'wait':
              rig.run(step.ms)
              break
            case 'full':
              rig.disk.full = step.on
          }
        }
        rig.disk.full = false
        rig.run(100)
        const { figures, hints } = rig.hints()
        const { created, delivered, superseded, pending } = figures
        most = Math.max(most, created)
        const listed = hints.map(({ target, pending: count }) => `${target} ${count}`).sort()
        const expected = targets
          .map(uidOfHost)
          .filter(target => rig.disk.pairs(0)?.has(hintKeyOf(target, key)) === true)
          .map(target => `${target} 1`)
        return (
          created === delivered + superseded + pending && pending === hintsOnDisk(rig) && listed.join() === expected.sort().join()
        )
      }),
      { numRuns: 400 }
    )
    t.ok(most > 3, `${most} were created`)
  }
)
