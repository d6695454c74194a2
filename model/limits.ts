/** Every bound of the system, with its unit in its name. What is over a limit is refused with an error, never dropped. */
export const limits = Object.freeze({
  /** A key, in bytes. */
  keyBytesMax: 512,
  bucketNameCharactersMax: 64,
  /** Default bound of key + value, in bytes; a cluster may raise it up to `pairBytesCeiling`. */
  pairBytesDefault: 10 * 1024,
  pairBytesCeiling: 512 * 1024,
  contentTypeCharactersMax: 128,
  /** Values that a bucket with compression tries to make smaller: below it costs more than it gives, above it would hold up its thread. */
  deflatedBytesMin: 512,
  deflatedBytesMax: 64 * 1024,
  /** Concurrent versions of one key; a further blind write is refused, a merge of replicas never. */
  siblingsMax: 64,
  /** Entries (vector and cloud) that a context sent by a client may hold. */
  contextEntriesMax: 1024,
  /** Entries that the context of a hint may reach by writes for which all owners of the key were away. */
  standInEntriesMax: 512,
  /** Hints that one handoff has on their way at once. */
  handoffInFlightMax: 32,
  /** Pace of one handoff. */
  handoffBytesPerSecond: 16 * 1024 * 1024,
  /** Operations beyond which a coordinator takes nothing in from other datacenters for a while. */
  adoptsMax: 8_192,
  /** Keys that one replication agent has on their way to another datacenter at once. */
  replicationInFlightMax: 64,
  /** Pace of one replication agent. */
  replicationBytesPerSecond: 8 * 1024 * 1024,
  replicasMax: 16,
  partitionsMin: 8,
  partitionsMax: 65_536,
  hostsMax: 4096,
  weightMin: 0.01,
  weightMax: 1000,
  /** Changes of the ring that one plan may hold. */
  planChangesMax: 32,
  /** Bounds of what a host may fetch in a second while a plan is carried out. */
  planBytesPerSecondMin: 1024,
  planBytesPerSecondMax: 1024 * 1024 * 1024 * 1024,
  /** Bytes of one bus message: below the 1 MB that a nats-server takes by default. */
  busMessageBytesMax: 1_000_000,
  /** A batch leaves early once it holds this much. */
  batchBytesMax: 60_000,
  batchMessagesMax: 512,
  /** Bytes of data messages, one at a time more, that a thread has on their way to one other that is not known to have taken them. */
  creditBytesMax: 8 * 1024 * 1024,
  /** Bytes of further ones that wait at the thread until it is; beyond it they are refused. All receivers together. */
  creditHeldBytesMax: 32 * 1024 * 1024,
  /** How long one of them waits at most. */
  creditWaitMsMax: 2_000,
  /** How often a thread that waits for credit asks for it; and how many times in vain, before all that waits is refused. */
  creditAskMs: 50,
  creditAsksMax: 5,
  /** Bytes waiting for a nats-server that does not read; beyond it sends are refused. */
  busPendingBytesMax: 64 * 1024 * 1024,
  /** Hot-value cache of one data thread. */
  hotCacheBytesDefault: 16 * 1024 * 1024,
  hotCacheBytesMax: 16 * 1024 * 1024 * 1024,
  /** Young generation of a data thread's heap, in MB: most of what a request leaves behind is gone before so much has gathered. */
  youngHeapMbMax: 96,
  /** Hosts to whose own servers a thread, or a client, connects; batches for the others go by the route between the servers. */
  nearHostsMax: 8,
  mailboxDataDefault: 4096,
  mailboxControlMax: 65_536,
  /** Messages one actor handles before the next has its turn. */
  actorTurnMessagesMax: 64,
  /** Milliseconds of one turn of the scheduler before the event loop has its own. */
  schedulerTurnMsMax: 5,
  actorsPerThreadMax: 200_000,
  timersPerActorMax: 65_536,
  requestTimeoutMsDefault: 2_000,
  requestTimeoutMsMax: 60_000,
  /** Requests that one coordinator has under way and has not answered. */
  coordinatorRequestsMax: 16_384,
  /** The same with those that are answered, while replicas that are late may still say that they have it. */
  coordinatorOperationsMax: 65_536,
  /** Requests that wait for one coordinator; and replies of replicas, in a lane of their own. */
  coordinatorMailboxMax: 32_768,
  coordinatorRepliesMax: 65_536,
  /** Bytes of values in writes that one coordinator has under way. */
  coordinatorBytesMax: 128 * 1024 * 1024,
  /** Milliseconds for which a replica keeps what clients know already from their coordinators, to tell them many at once. */
  lateAcksMs: 10,
  /** Acknowledgements in one such message. */
  lateAcksMax: 256,
  /** Writes whose clients count the acknowledgements by themselves that one coordinator remembers, to be asked again. */
  directPutsKept: 16_384,
  /** With less time than that a coordinator answers such a write by itself. */
  directPutMsMin: 200,
  /** Keys that one coordinator takes for hot: reads of them may wait for each other, and share what replicas are asked. */
  hotKeysMax: 128,
  /** Kinds of reads of a hot key (R, PR, strict or not) that it tells apart. */
  hotLanesMax: 4,
  /** Reads of one kind and key that wait for the next one; further ones go alone. */
  hotReadersMax: 1_024,
  /** Reads a second below which no key is hot. */
  hotReadsPerSecondMin: 64,
  /** A wait in a coordinator's mailbox that is no trouble. */
  admissionTargetMs: 100,
  /** For how long all requests may wait longer than that before some are refused. */
  admissionBurstMs: 250,
  /** A request that has waited so long is refused in any case. */
  admissionWaitMsMax: 500,
  /** How long a coordinator remembers that it had too much to do. */
  admissionAlertMs: 2_000,
  /** When a request that was refused for overload may be repeated. */
  overloadRetryMs: 100,
  /** Requests a second that a bucket, or a client, may be limited to. */
  requestsPerSecondMax: 10_000_000,
  /** Clients whose rates one door tells apart. */
  ratedClientsMax: 16_384,
  /** Requests one client has under way. */
  clientRequestsMax: 16_384,
  logSegmentBytes: 16 * 1024 * 1024,
  logBatchBytesMax: 4 * 1024 * 1024,
  /** Bytes in the memory table before writes are refused until the store behind has caught up. */
  memoryTableBytesMax: 128 * 1024 * 1024,
  listPageMax: 1_000,
  batchOperationsMax: 1_000,
  decodeDepthMax: 64,
  crashHistoryMax: 16,
  /** Pieces of repair work that run at once on one host. */
  workersMax: 4,
  /** Single dots that a key's context may reach by writes of a thread that waits for a new epoch. */
  brokenEpochDotsMax: 256,
  /** Damaged records that one vnode keeps track of at once. */
  quarantineMax: 1_024,
  /** Keys that one listing of tree nodes may hold, and that a vnode remembers by hash. */
  treeListMax: 8_192,
  /** Bytes of records in one message of an exchange; the last record may pass it. */
  exchangeBatchBytes: 128 * 1024,
  /** A record with all its siblings that fits a bus message, with room for its key and what else is in it. */
  exchangeRecordBytesMax: 800_000,
  /** A record that one page of a backup, or one request of a restore, takes: as base64 it fits a bus message. */
  backupRecordBytesMax: 700_000,
  /** Records in one request of a restore. */
  restoreRecordsMax: 256,
  /** Partitions in which one request opens or closes a restore. */
  restorePartitionsMax: 256,
  /** Requests of other hosts' exchanges that one host serves at once. */
  exchangesServedMax: 64,
  /** Hosts that are no members any more for which one host keeps track of hints. */
  workOrphansMax: 256,
  /** Pieces of news of members in one message of gossip, and heartbeats beside them. */
  gossipNewsMax: 24,
  gossipBeatsMax: 6,
  /** Rows of members in one message, about 120 bytes each. */
  gossipRowsMax: 256,
  /** Probes that one host has under way, for others and on suspicion, too. */
  gossipProbesMax: 1_024,
  /** A CPU profile of a thread; one at a time on one host. */
  profileSecondsMax: 60,
  /** Functions that its table lists. */
  profileRowsMax: 500,
  /** Bytes of its file. */
  profileBytesMax: 32 * 1024 * 1024,
  /** Bytes of its file in one message. */
  profilePieceBytes: 256 * 1024,
  /** Milliseconds for which the last one is kept. */
  profileKeptMs: 600_000
})
