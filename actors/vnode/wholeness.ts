import type { Store } from '../../storage/store.ts'

/** Whether this host has its data, as the coordinator of the thread has heard. Kept beside the store, since it must outlive a vnode that crashes. */
export interface Wholeness {
  /** The host has what it owns; else what it lacks must not be taken for what is not there, whoever asks. */
  isWhole: boolean
  /** Of the ring by which this thread serves. */
  epoch: string
}

const byStore = new WeakMap<Store, Wholeness>()

export function wholenessOf(store: Store): Wholeness {
  let wholeness = byStore.get(store)
  if (wholeness === undefined) byStore.set(store, (wholeness = { isWhole: true, epoch: '' }))
  return wholeness
}
