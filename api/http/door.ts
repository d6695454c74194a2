import type { Log } from '../../runtime/log.ts'
import type { Admin } from '../admin.ts'
import type { EventFeed } from '../admin-events.ts'
import type { StoreCore } from '../client/store-core.ts'
import type { HttpSettings } from './settings.ts'

/** Whether this host can serve a quorum of every partition. */
export interface Readiness {
  readonly ready: boolean
  /** What is missing, for people; empty where ready. */
  readonly missing: readonly string[]
}

/** What the routes work with. */
export interface Door {
  readonly core: StoreCore
  readonly admin: Admin
  readonly settings: HttpSettings
  readonly log: Log
  readonly feed: EventFeed
  readiness(): Readiness
  /** Milliseconds since 1970, to hide what has expired. */
  wallMs(): number
}
