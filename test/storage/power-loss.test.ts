import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import { startTableWriter } from '../../storage/table-writer.ts'
import { verifyWrites } from './ceaseless-writer.ts'
import { Acknowledged, writeUntilKilled } from './doomed-writer.ts'
import { tableWriterOf } from './lmdb-harness.ts'

/** CARILLON_POWER_LOSS_ROUNDS=50 for the long run. */
const rounds = Number(process.env.CARILLON_POWER_LOSS_ROUNDS ?? 5)

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what the file system has not written is gone, as when the power fails. */
const shutDown = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
`

/** @returns why power cannot be cut here; undefined where it can */
function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'SKIPPED: a file system of its own takes root'
  try {
    for (const tool of ['python3', 'mkfs.ext4', 'losetup']) execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' })
    execFileSync('losetup', ['-f'], { stdio: 'ignore' })
  } catch {
    return 'SKIPPED: python3, mkfs.ext4 or loop devices are missing'
  }
  return undefined
}

const skip = obstacle()
void t.test(
  `I1: ${rounds} times the power fails under load, and what was acknowledged as flushed is on the disk`,
  { timeout: rounds * 20_000, ...(skip === undefined ? {} : { skip }) },
  async t => {
    const base = mkdtempSync(join(tmpdir(), 'carillon-power-'))
    const [image, mount] = [join(base, 'image'), join(base, 'mount')]
    const directory = join(mount, 'data')
    mkdirSync(mount)
    execFileSync('truncate', ['-s', '300M', image])
    execFileSync('mkfs.ext4', ['-q', image])
    const mountImage = (): Buffer => execFileSync('mount', ['-o', 'loop', image, mount])
    mountImage()
    t.teardown(() => {
      execFileSync('umount', ['-l', mount])
      rmSync(base, { recursive: true, force: true })
    })
    const acknowledged = new Acknowledged()
    let recovered = 0
    for (let round = 1; round <= rounds; round++) {
      await writeUntilKilled(directory, round, Math.floor(Math.random() * 400), acknowledged, child => {
        execFileSync('python3', ['-c', shutDown, mount])
        child.kill('SIGKILL')
      })
      execFileSync('umount', [mount])
      mountImage()
      const { writer, report } = await startTableWriter({ directory })
      recovered += report.segments
      t.same(report.damage, [], 'nothing but torn tails')
      const store = LmdbStore.open({ directory, thread: 0, generation: round, tableWriter: tableWriterOf(writer) })
      const pairs = verifyWrites(store, acknowledged.flushed)
      t.ok(pairs >= acknowledged.flushed.size)
      await store.close()
      await writer.close()
    }
    t.comment(`${acknowledged.flushed.size} keys, up to number ${acknowledged.highest}, ${recovered} segments recovered`)
    t.ok(recovered > 0)
  }
)
