import { Session } from 'node:inspector'

/** A function, and what it allocated. */
export interface AllocationSite {
  /** Name, file and line. */
  readonly where: string
  readonly bytes: number
}

interface SampledNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly selfSize: number
  readonly children: readonly SampledNode[]
}

const sampleBytes = 512

/** Who allocates on the heap while `run` does, the most first; sampled, what is collected meanwhile included. What lies outside of the heap is not. */
export function allocationSites(run: () => void): readonly AllocationSite[] {
  const session = new Session()
  session.connect()
  let head: SampledNode | undefined
  try {
    const options = {
      samplingInterval: sampleBytes,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true
    }
    session.post('HeapProfiler.startSampling', options)
    run()
    session.post('HeapProfiler.stopSampling', (error, { profile }) => {
      if (error !== null) throw error
      head = profile.head
    })
  } finally {
    session.disconnect()
  }
  const bytesBy = new Map<string, number>()
  const add = (node: SampledNode): void => {
    const { functionName, url, lineNumber } = node.callFrame
    const file = url.split('/').slice(-2).join('/')
    const where = `${functionName === '' ? '(nameless)' : functionName} ${file === '' ? '(native)' : `${file}:${lineNumber + 1}`}`
    bytesBy.set(where, (bytesBy.get(where) ?? 0) + node.selfSize)
    for (const child of node.children) add(child)
  }
  if (head !== undefined) add(head)
  return [...bytesBy].map(([where, bytes]) => ({ where, bytes })).sort((one, other) => other.bytes - one.bytes)
}
