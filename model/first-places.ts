/**
 * Brings first places, which coordinate and are read from first, in proportion to the hosts' shares, without moving data: hosts change
 * places within their lists. A host with too many passes one on along the shortest chain of lists that ends at a host with too few
 * (augmenting paths, as in maximum flow).
 * @param owners changed in place
 * @param places first places that each host should have, not rounded; in all as many as there are lists
 * @see Ford, Fulkerson: Maximal Flow Through a Network (1956)
 */
export function balanceFirstPlaces(owners: number[][], places: readonly number[]): void {
  const most = places.map(place => Math.ceil(place - 1e-6))
  const firsts = new Array<number>(places.length).fill(0)
  for (const own of owners) if (own.length > 0) firsts[own[0]!]!++
  for (let host = 0; host < places.length; host++) {
    while (firsts[host]! > most[host]! && passOn(owners, firsts, most, host));
  }
}

/** @returns whether a chain from `host` was found, and one of its first places is now another's */
function passOn(owners: number[][], firsts: number[], most: readonly number[], host: number): boolean {
  const ledBy = new Map<number, number[]>()
  owners.forEach((own, list) => {
    const lists = ledBy.get(own[0]!)
    if (lists === undefined) ledBy.set(own[0]!, [list])
    else lists.push(list)
  })
  /** The list in which each host that was reached stands behind the one before it. */
  const through = new Map<number, number>([[host, -1]])
  const queue = [host]
  for (const from of queue) {
    for (const list of ledBy.get(from) ?? []) {
      for (const to of owners[list]!) {
        if (through.has(to)) continue
        through.set(to, list)
        if (firsts[to]! < most[to]!) {
          firsts[host]!--
          firsts[to]!++
          promote(owners, through, to)
          return true
        }
        queue.push(to)
      }
    }
  }
  return false
}

function promote(owners: number[][], through: ReadonlyMap<number, number>, last: number): void {
  for (let host = last, list = through.get(host)!; list >= 0; list = through.get(host)!) {
    const own = owners[list]!
    const before = own[0]!
    own[own.indexOf(host)] = before
    own[0] = host
    host = before
  }
}
