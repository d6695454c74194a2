import { obstacleOf } from './faults.ts'
import type { FaultKind, ScenarioName } from './options.ts'
import { type Scenario, setStage, type StageOptions, tellEnds } from './scenario.ts'
import { datacenterCut } from './scenarios/datacenter-cut.ts'
import { datacenterLost } from './scenarios/datacenter-lost.ts'
import { killLoop } from './scenarios/kill-loop.ts'
import { oneDown } from './scenarios/one-down.ts'
import { pairCut } from './scenarios/pair-cut.ts'
import { powerLoss } from './scenarios/power-loss.ts'
import { resize, resizeBegins } from './scenarios/resize.ts'
import { twoDown } from './scenarios/two-down.ts'
import { wiped } from './scenarios/wiped.ts'

interface Staging {
  /** The kind of fault without which it cannot be played. */
  readonly needs: FaultKind
  readonly play: Scenario
  /** Hosts at first; left out: all. */
  readonly begins?: number
}

const scenarios: Readonly<Record<ScenarioName, Staging>> = Object.freeze({
  'one-down': { needs: 'kill', play: oneDown },
  'two-down': { needs: 'kill', play: twoDown },
  'pair-cut': { needs: 'non-transitive', play: pairCut },
  wiped: { needs: 'kill', play: wiped },
  'kill-loop': { needs: 'kill', play: killLoop },
  'power-loss': { needs: 'power', play: powerLoss },
  resize: { needs: 'kill', play: resize, begins: resizeBegins },
  'datacenter-cut': { needs: 'partition', play: datacenterCut },
  // Without disks of their own, the hosts are killed at one moment.
  'datacenter-lost': { needs: 'kill', play: datacenterLost }
})

export async function runScenario(name: ScenarioName, given: StageOptions): Promise<void> {
  const { needs, play, begins } = scenarios[name]
  const why = obstacleOf(needs, given.ground)
  if (why !== undefined) return given.report.skip(`scenario ${name}`, why)
  const stage = await setStage(begins === undefined ? given : { ...given, begins })
  await play(stage)
  tellEnds(stage)
}
