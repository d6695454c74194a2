import t from 'tap'
import { MemoryStore } from '../../storage/memory-store.ts'
import { VirtualDisk } from '../../storage/virtual-disk.ts'
import { storeContract } from './store-contract.ts'

storeContract(t, async () => {
  const disk = new VirtualDisk()
  return {
    open: async () =>
      new MemoryStore({ disk, schedule: (delayMs, work) => void setTimeout(work, delayMs), commitMs: 0, flushMs: 1 }),
    kill: async () => disk.killProcess(),
    setFull: full => {
      disk.full = full
    },
    settled: async store => {
      while (store.figures().memoryTablePairs > 0) await new Promise(resolve => setTimeout(resolve, 1))
    },
    corrupt: async (partition, key) => disk.corrupt(partition, key),
    end: async () => {}
  }
})
