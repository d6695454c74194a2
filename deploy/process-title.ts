/** Flags whose values are nobody else's business. */
const secretFlags = ['--token', '--cluster-secret']
const mask = '********'

/**
 * A command line with its secrets masked, for the list of processes that every user of the machine may read.
 * @returns undefined where there is nothing to hide
 */
export function concealedTitle(words: readonly string[]): string | undefined {
  const shown = words.map((word, index) => {
    const flag = secretFlags.find(each => word.startsWith(`${each}=`))
    if (flag !== undefined) return `${flag}=${mask}`
    const before = words[index - 1]
    return before !== undefined && secretFlags.includes(before) ? mask : word
  })
  return shown.every((word, index) => word === words[index]) ? undefined : ['carillon', ...shown].join(' ')
}
