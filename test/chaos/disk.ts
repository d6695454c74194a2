import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './shell.ts'

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what the file system has not written is gone, as when the power fails. */
const shutDown = `
import fcntl, os, struct, sys
for path in sys.argv[1:]:
    fcntl.ioctl(os.open(path, os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
`

const fillerChunk = Buffer.alloc(1 << 16, 0x5a)
/** Written rather than set aside: what others free meanwhile is taken, too. */
const fillerRest = 1 << 20

/** A host's disk: an ext4 image of its own, mounted by loop device. This process has to have mounts of its own. */
export class Disk {
  readonly directory: string
  readonly #image: string

  private constructor(image: string, directory: string) {
    this.#image = image
    this.directory = directory
  }

  static async make(base: string, name: string, megabytes: number): Promise<Disk> {
    const disk = new Disk(join(base, `${name}.ext4`), join(base, name))
    mkdirSync(disk.directory)
    await run('truncate', '-s', `${megabytes}M`, disk.#image)
    await run('mkfs.ext4', '-q', '-m', '0', disk.#image)
    await disk.mount()
    return disk
  }

  /** So that hosts, which have mounts of their own, see what is mounted beneath it, and lose it when it goes. */
  static async prepare(base: string): Promise<void> {
    await run('mount', '--bind', base, base)
    await run('mount', '--make-shared', base)
  }

  async mount(): Promise<void> {
    await run('mount', '-o', 'loop', this.#image, this.directory)
  }

  async unmount(): Promise<void> {
    await run('umount', this.directory)
  }

  /** Leave no room. */
  async fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.directory)
    const most = bavail * bsize - fillerRest
    if (most > 0) await run('fallocate', '-l', String(most), this.#filler).catch(() => {})
    const file = openSync(this.#filler, 'a')
    try {
      for (let size = fillerChunk.length; size >= 1024; size >>= 1) {
        try {
          for (;;) writeSync(file, fillerChunk, 0, size)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    } finally {
      closeSync(file)
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  get #filler(): string {
    return join(this.directory, 'filler')
  }
}

/** All of them at once; they take no more writes, and have to be mounted again. */
export async function cutPower(disks: readonly Disk[]): Promise<void> {
  await run('python3', '-c', shutDown, ...disks.map(disk => disk.directory))
}
