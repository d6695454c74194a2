import fs from 'node:fs'

type Done = (error: NodeJS.ErrnoException | null) => void

/** What the commit log asks of the file system; tests put failing disks in its place. */
export interface FileOperations {
  open(path: string, flags: number, done: (error: NodeJS.ErrnoException | null, fd: number) => void): void
  write(
    fd: number,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: NodeJS.ErrnoException | null, written: number) => void
  ): void
  fdatasync(fd: number, done: Done): void
  fsync(fd: number, done: Done): void
  ftruncate(fd: number, length: number, done: Done): void
  rename(from: string, to: string, done: Done): void
  unlink(path: string, done: Done): void
  close(fd: number, done: Done): void
}

export const diskOperations: FileOperations = fs

/**
 * Make what was created, renamed or deleted in a directory survive power loss. By fsync: to ext4 a new name in a directory is no
 * data, so that after fdatasync a segment that was written over would still have its old name, and recovery would pass it by.
 */
export function syncDirectory(files: FileOperations, directory: string, done: Done): void {
  files.open(directory, fs.constants.O_RDONLY, (error, fd) => {
    if (error) return done(error)
    files.fsync(fd, syncError => files.close(fd, closeError => done(syncError ?? closeError)))
  })
}
