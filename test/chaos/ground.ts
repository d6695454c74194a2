import { execFileSync } from 'node:child_process'
import { missingProgram } from './shell.ts'

/** What this machine lets us do; each a reason why not, undefined where it can be done. */
export interface Ground {
  /** A network namespace for each host, and tc to drop packets between them. */
  readonly network: string | undefined
  /** A file system for each host, to fill and to cut the power of. */
  readonly disks: string | undefined
}

const isolation = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

/** How the rig starts itself again, apart from the machine's own network, mounts and processes. */
export function isolated(program: string, args: readonly string[]): { program: string; args: string[] } {
  return { program: 'unshare', args: [...isolation, program, ...args] }
}

/** Looked at outside, before the rig isolates itself. */
export function groundOfMachine(): Ground {
  const why = (reason: string): Ground => ({ network: reason, disks: reason })
  if (process.platform !== 'linux') return why('it takes Linux')
  if (process.getuid?.() !== 0) return why('it takes root')
  const missing = missingProgram('unshare', 'nsenter', 'mount')
  if (missing !== undefined) return why(`${missing} is not installed`)
  try {
    execFileSync('unshare', [...isolation, 'true'], { stdio: 'pipe' })
  } catch (error) {
    return why(`namespaces are refused here: ${(error as Error).message}`)
  }
  return { network: networkObstacle(), disks: diskObstacle() }
}

/** tc drops packets with HTB and u32, which are in more kernels than netem is. */
const networkTrial = `ip link set lo up && ip link add trial type veth peer name other && ip link set trial up &&
tc qdisc add dev trial root handle 1: htb default 1 && tc class add dev trial parent 1: classid 1:2 htb rate 8bit quantum 1500 &&
tc qdisc add dev trial parent 1:2 handle 2: bfifo limit 1 &&
tc filter add dev trial parent 1: protocol ip prio 1 u32 match ip src 127.77.0.1/32 flowid 1:2`

function networkObstacle(): string | undefined {
  const missing = missingProgram('ip', 'tc', 'sysctl')
  if (missing !== undefined) return `${missing} is not installed`
  try {
    execFileSync('unshare', ['--net', 'sh', '-c', networkTrial], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `veth, or tc with HTB and u32, is refused here: ${(error as Error).message}`
  }
}

function diskObstacle(): string | undefined {
  const missing = missingProgram('python3', 'mkfs.ext4', 'losetup', 'truncate', 'fallocate')
  if (missing !== undefined) return `${missing} is not installed`
  try {
    execFileSync('losetup', ['-f'], { stdio: 'pipe' })
    return undefined
  } catch {
    return 'there are no loop devices'
  }
}
