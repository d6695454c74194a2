import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './shell.ts'

const switchAddress = '127.77.0.254'
/** Classes of each port of the switch: 1:1 lets pass, 1:2 has room for no packet. */
const dropClass = '1:2'

/** What becomes of packets from one host to another: all are lost, or every 2^k-th. */
export type Loss = 'all' | 2 | 4 | 8 | 16

/** One cause of loss from a host to another; several may overlap. */
export interface Cut {
  readonly from: number
  readonly to: number
  readonly loss: Loss
}

/**
 * A network of one namespace for each host and a switch between them, in which this process lives: clients reach every host,
 * whatever is cut between hosts.
 *
 * A host listens on loopback addresses only, as is right without TLS. So in here 127.77.0.n belongs to a veth, not to `lo`
 * (`route_localnet`), and each host's /etc/hosts calls its own `localhost`. Packets between hosts cross real devices.
 * Packets are dropped where the switch sends them to the receiver, by a class of HTB that has no room: the sender sees nothing
 * of it, and each direction of each pair is apart.
 */
export class Network {
  readonly #hosts: number
  readonly #directory: string
  readonly #cuts = new Set<Cut>()
  readonly #applied = new Map<string, Loss>()
  #work: Promise<void> = Promise.resolve()

  private constructor(hosts: number, directory: string) {
    this.#hosts = hosts
    this.#directory = directory
  }

  /** This process has to have a network and mounts of its own. @param hosts numbered from 1 */
  static async create(hosts: number, directory: string): Promise<Network> {
    mkdirSync('/run/netns', { recursive: true })
    await run('mount', '-t', 'tmpfs', 'none', '/run/netns')
    await loopbackOfOneAddress([])
    await run('ip', 'link', 'add', 'switch', 'type', 'bridge')
    await run('ip', 'addr', 'add', `${switchAddress}/24`, 'dev', 'switch')
    await run('ip', 'link', 'set', 'switch', 'up')
    for (let host = 1; host <= hosts; host++) await plugIn(host, directory)
    return new Network(hosts, directory)
  }

  addressOf(host: number): string {
    return addressOf(host)
  }

  /** The command line that runs a program as the host: its network, and its own idea of `localhost`. The process keeps its id. */
  asHost(host: number, program: string, args: readonly string[]): { program: string; args: string[] } {
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    const hostsFile = join(this.#directory, `hosts-${host}`)
    return {
      program: 'nsenter',
      args: [
        `--net=/run/netns/${nameOf(host)}`,
        ...['unshare', '--mount', '--propagation', 'slave'],
        ...['sh', '-c', script, hostsFile, program, ...args]
      ]
    }
  }

  /** Lose packets until the cuts are taken back by `mend`. */
  async cut(cuts: readonly Cut[]): Promise<void> {
    for (const cut of cuts) this.#cuts.add(cut)
    await this.#apply()
  }

  async mend(cuts: readonly Cut[]): Promise<void> {
    for (const cut of cuts) this.#cuts.delete(cut)
    await this.#apply()
  }

  async mendAll(): Promise<void> {
    this.#cuts.clear()
    await this.#apply()
  }

  #apply(): Promise<void> {
    this.#work = this.#work.then(() => this.#applyNow())
    return this.#work
  }

  async #applyNow(): Promise<void> {
    for (let to = 1; to <= this.#hosts; to++) {
      for (let from = 1; from <= this.#hosts; from++) {
        if (from === to) continue
        const wanted = strongest([...this.#cuts].filter(cut => cut.from === from && cut.to === to))
        const name = `${from}>${to}`
        const now = this.#applied.get(name)
        if (wanted === now) continue
        const filter = ['dev', `port${to}`, 'parent', '1:', 'protocol', 'ip', 'prio', String(from)]
        if (now !== undefined) await run('tc', 'filter', 'del', ...filter)
        if (wanted !== undefined) {
          // The packet's number, which goes up by one from packet to packet: so one in 2^k matches.
          const some = wanted === 'all' ? [] : ['match', 'u16', '0', `0x${(wanted - 1).toString(16)}`, 'at', '4']
          await run(
            'tc',
            'filter',
            'add',
            ...filter,
            'u32',
            'match',
            'ip',
            'src',
            `${addressOf(from)}/32`,
            ...some,
            'flowid',
            dropClass
          )
        }
        if (wanted === undefined) this.#applied.delete(name)
        else this.#applied.set(name, wanted)
      }
    }
  }
}

function strongest(cuts: readonly Cut[]): Loss | undefined {
  if (cuts.some(cut => cut.loss === 'all')) return 'all'
  const some = cuts.flatMap(({ loss }) => (loss === 'all' ? [] : [loss]))
  return some.length === 0 ? undefined : (Math.min(...some) as Loss)
}

function addressOf(host: number): string {
  return `127.77.0.${host}`
}

function nameOf(host: number): string {
  return `host-${host}`
}

/** @param prefix what runs a command where it is meant to */
async function loopbackOfOneAddress(prefix: readonly string[]): Promise<void> {
  const script =
    'sysctl -qw net.ipv4.conf.all.route_localnet=1 && ip link set lo up && ip addr del 127.0.0.1/8 dev lo && ip addr add 127.0.0.1/32 dev lo'
  const [program, ...args] = [...prefix, 'sh', '-c', script]
  await run(program, ...args)
}

async function plugIn(host: number, directory: string): Promise<void> {
  const [name, port] = [nameOf(host), `port${host}`]
  await run('ip', 'netns', 'add', name)
  await run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
  await run('ip', 'link', 'set', port, 'master', 'switch', 'up')
  await loopbackOfOneAddress(['ip', 'netns', 'exec', name])
  await run('ip', '-n', name, 'addr', 'add', `${addressOf(host)}/24`, 'dev', 'eth0')
  await run('ip', '-n', name, 'link', 'set', 'eth0', 'up')
  await run('tc', 'qdisc', 'add', 'dev', port, 'root', 'handle', '1:', 'htb', 'default', '1')
  await run('tc', ...`class add dev ${port} parent 1: classid 1:1 htb rate 100gbit quantum 60000`.split(' '))
  await run('tc', ...`class add dev ${port} parent 1: classid ${dropClass} htb rate 8bit quantum 1500`.split(' '))
  await run('tc', ...`qdisc add dev ${port} parent ${dropClass} handle 2: bfifo limit 1`.split(' '))
  writeFileSync(join(directory, `hosts-${host}`), `${addressOf(host)} localhost ${name}\n`)
}
