import { isFault, type Fault } from '../../model/fault.ts'
import { CommandFailure, printable, UsageError } from './terminal.ts'

/** An error for people: what happened, with its figures; a stack only where it is a mistake of ours. */
export function sentenceOf(error: unknown): string {
  if (error instanceof UsageError || error instanceof CommandFailure) return error.message
  const fault = faultOf(error)
  if (fault !== undefined) return faultSentence(fault)
  if (!(error instanceof Error)) return printable(String(error))
  if (error.name === 'ConfigurationError' || isSystemError(error)) return printable(error.message)
  return printable(error.stack ?? error.message)
}

/** The fault that an error carries, if it carries one. */
export function faultOf(error: unknown): Fault | undefined {
  if (typeof error !== 'object' || error === null || !('fault' in error)) return undefined
  return isFault(error.fault) ? error.fault : undefined
}

/** The detail, and what it does not say itself: figures, outcome, code. */
export function faultSentence({ code, detail, needed, answered, limit, size, outcome }: Fault): string {
  const figures: string[] = [code]
  if (needed !== undefined) figures.push(`needed ${needed}`)
  if (answered !== undefined) figures.push(`answered ${answered}`)
  if (limit !== undefined) figures.push(`limit ${limit}`)
  if (size !== undefined) figures.push(`size ${size}`)
  if (outcome === 'indeterminate') figures.push('outcome indeterminate: some replica may hold the write')
  return `${printable(detail)} (${figures.join(', ')})`
}

/** A file that is missing, a full disk, a refused connection: their messages say enough. */
function isSystemError(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && 'syscall' in error
}
