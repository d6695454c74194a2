/** What `--peers` takes; apart from what starts them, so that the help is there at once. */
export const peerNames = Object.freeze(['redis', 'etcd', 'nats-kv', 'dynomite'] as const)
export type PeerName = (typeof peerNames)[number]
