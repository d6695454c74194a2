export interface ConfigurationProblem {
  /** As its source spells it. */
  readonly key: string
  readonly source: string
  /** One sentence: the key, the value, what is allowed. */
  readonly text: string
}

/** All that is wrong with a configuration, each problem a sentence on a line of its own. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[]
  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(problem => problem.text).join('\n'))
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}
