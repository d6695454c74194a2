import { diskOperations, type FileOperations } from '../../storage/file-operations.ts'

type Operation = keyof FileOperations

/** The real file system, until it is told to be full, to fail, or to stand still as for a process that is dead. */
export class FaultyFiles implements FileOperations {
  /** Writes fail with ENOSPC, after half of their bytes. */
  full = false
  /** Nothing calls back any more. */
  dead = false
  /** How many of the next calls of an operation fail with EIO. */
  readonly failing = new Map<Operation, number>()
  #underWay = 0

  /** Resolves when nothing of a dead process is under way any more. */
  async still(): Promise<void> {
    while (this.#underWay > 0) await new Promise(setImmediate)
  }

  readonly open: FileOperations['open'] = (path, flags, done) =>
    this.#run('open', back => diskOperations.open(path, flags, back), done)
  readonly fdatasync: FileOperations['fdatasync'] = (fd, done) =>
    this.#run('fdatasync', back => diskOperations.fdatasync(fd, back), done)
  readonly fsync: FileOperations['fsync'] = (fd, done) => this.#run('fsync', back => diskOperations.fsync(fd, back), done)
  readonly ftruncate: FileOperations['ftruncate'] = (fd, length, done) =>
    this.#run('ftruncate', back => diskOperations.ftruncate(fd, length, back), done)
  readonly rename: FileOperations['rename'] = (from, to, done) =>
    this.#run('rename', back => diskOperations.rename(from, to, back), done)
  readonly unlink: FileOperations['unlink'] = (path, done) => this.#run('unlink', back => diskOperations.unlink(path, back), done)
  readonly close: FileOperations['close'] = (fd, done) => this.#run('close', back => diskOperations.close(fd, back), done)

  readonly write: FileOperations['write'] = (fd, buffer, offset, length, position, done) =>
    this.#run<number>(
      'write',
      back => {
        if (!this.full) diskOperations.write(fd, buffer, offset, length, position, back)
        else
          diskOperations.write(fd, buffer, offset, length >> 1, position, () =>
            back(errorOf('ENOSPC', 'no space left on device'), 0)
          )
      },
      done
    )

  #run<T = never>(
    operation: Operation,
    call: (back: (error: NodeJS.ErrnoException | null, value?: T) => void) => void,
    done: (error: NodeJS.ErrnoException | null, value: T) => void
  ): void {
    if (this.dead) return
    this.#underWay++
    const back = (error: NodeJS.ErrnoException | null, value?: T): void => {
      this.#underWay--
      if (!this.dead) done(error, value as T)
    }
    const left = this.failing.get(operation) ?? 0
    if (left === 0) return call(back)
    this.failing.set(operation, left - 1)
    setImmediate(back, errorOf('EIO', `i/o error, ${operation}`))
  }
}

function errorOf(code: string, text: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text}`), { code })
}
