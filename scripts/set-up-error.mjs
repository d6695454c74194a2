/** Something that the person at the terminal has to know or do; told without a stack. */
export class SetUpError extends Error {
  constructor(message) {
    super(message)
    this.name = 'SetUpError'
  }
}

/** Prints why a script cannot go on, and ends it with exit status 1. */
export function fail(error) {
  console.error(error instanceof SetUpError ? `\n${error.message}` : error)
  process.exit(1)
}
