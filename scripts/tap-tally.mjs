import { Parser } from 'tap-parser'

const stderrCharactersShown = 4_000
const strayCharactersShown = 2_000

/**
 * Reads one test file's TAP and counts its tests.
 *
 * What counts as one test: a `t.test()` block that holds no further blocks. A block that holds blocks is not counted
 * itself, unless an assertion of its own, or something outside of its blocks, fails. Assertions outside of any block
 * count one each. Skipped and todo tests count as skipped.
 */
export class TapTally {
  passed = 0
  failed = 0
  skipped = 0
  /** @type {{ name: string, message: string, diagnosis?: object }[]} */
  failures = []
  #parser = new Parser({ strict: false })
  #stray = ''
  #sawTap = false
  #bailedOut
  #ended

  constructor() {
    this.#watch(this.#parser, [], { blocks: 0 })
    this.#parser.on('extra', text => {
      this.#stray = (this.#stray + text).slice(-strayCharactersShown)
    })
    this.#parser.on('bailout', reason => {
      this.#bailedOut = reason
    })
    this.#ended = new Promise(resolve => this.#parser.on('complete', resolve))
  }

  write(chunk) {
    this.#parser.write(chunk)
  }

  /**
   * Closes the count with how the process ended.
   * @param ending.status exit status, null where a signal ended it
   * @param ending.problem why it was ended from here, if it was
   * @param ending.stderr the end of what it wrote there
   */
  async finish(ending) {
    this.#parser.end()
    const results = await this.#ended
    const failedBefore = this.failed
    if (ending.problem !== undefined) this.#fail('', ending.problem)
    if (this.#bailedOut !== undefined) this.#fail('', `bailed out: ${this.#bailedOut}`)
    const clean = ending.problem === undefined && this.failed === 0
    if (!this.#sawTap && clean) this.#fail('', `it printed no test results (${describeEnd(ending)})`)
    else if (clean && ending.status !== 0)
      this.#fail('', `every test passed, but the process did not end well: ${describeEnd(ending)}`)
    else if (clean && !results.ok) this.#fail('', tapErrors(results))
    else if (clean && this.passed + this.skipped === 0) this.#fail('', 'it ran no test')
    if (this.failed > failedBefore || this.failed > 0) this.#addOutput(ending.stderr)
  }

  #watch(parser, path, block) {
    let child
    parser.on('child', childParser => {
      block.blocks++
      child = { parser: childParser, block: { blocks: 0, failed: 0 } }
      this.#watch(childParser, [...path, childParser.name], child.block)
    })
    parser.on('assert', result => {
      this.#sawTap = true
      const closed = child
      child = undefined
      if (closed === undefined) this.#assertion(result, path, block)
      else this.#blockEnd(result, path, block, closed.block)
    })
  }

  #assertion(result, path, block) {
    if (isSkipped(result)) {
      this.skipped++
      block.blocks++
    } else if (!result.ok) {
      block.failed = (block.failed ?? 0) + 1
      this.failures.push({
        name: [...path, ''].join(' › ') + result.name,
        message: result.name,
        diagnosis: result.diag ?? undefined
      })
      if (path.length === 0) this.failed++
    } else if (path.length === 0) this.passed++
  }

  /** The test point that closes a block: here the block is counted. */
  #blockEnd(result, path, parent, block) {
    const isLeaf = block.blocks === 0
    const name = [...path, result.name].join(' › ')
    if (isSkipped(result)) {
      if (isLeaf) this.skipped++
    } else if (block.failed > 0) {
      this.failed++
      parent.childFailed = true
    } else if (!result.ok && !block.childFailed) {
      this.failed++
      parent.childFailed = true
      this.failures.push({ name, message: 'the test did not end as it should', diagnosis: result.diag ?? undefined })
    } else if (!result.ok) parent.childFailed = true
    else if (isLeaf) this.passed++
  }

  #fail(name, message) {
    this.failed++
    this.failures.push({ name, message })
  }

  #addOutput(stderr) {
    const last = this.failures.at(-1)
    if (last === undefined) return
    const output = [this.#stray, stderr.slice(-stderrCharactersShown)].filter(text => text.trim() !== '').join('\n')
    if (output !== '') last.output = output
  }
}

function isSkipped(result) {
  return Boolean(result.skip) || Boolean(result.todo)
}

function describeEnd(ending) {
  return ending.status === null ? `ended by ${ending.signal}` : `exit status ${ending.status}`
}

function tapErrors(results) {
  const errors = (results.failures ?? []).map(failure => failure.tapError ?? failure.name).filter(Boolean)
  return errors.length === 0 ? 'its results are incomplete' : `its results are faulty: ${errors.join('; ')}`
}
