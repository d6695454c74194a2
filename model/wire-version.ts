/**
 * Versions of what hosts say to each other. A host knows a range of them, and says so in its row; the cluster speaks the highest that all
 * its members know.
 *
 * The range stands behind the release, as semantic versioning has it for what is no part of the order: `0.2.0+wire.1-2`. So hosts
 * that know nothing of ranges pass it on as it is, and rows have one digest on all of them.
 */
export interface WireRange {
  readonly least: number
  readonly most: number
}

/**
 * What this build knows. 1: before ranges were told. 2: rows tell them, and whoever comes to join is checked; changes of the ring are planned,
 * and what was taken over is compared with its source. 3: a seat may be of several rows.
 */
export const wireRange: WireRange = Object.freeze({ least: 1, most: 3 })

/** From this version on a cluster can plan changes, and compare what was taken over. */
export const wireOfPlans = 2

/** From this version on heavy hosts take several rows. */
export const wireOfSeatBlocks = 3

const told = /[+.]wire\.([0-9]{1,6})-([0-9]{1,6})$/
const untold: WireRange = Object.freeze({ least: 1, most: 1 })

/** What a row says of its host's release. @param release as in the package */
export function versionTold(release: string, { least, most }: WireRange = wireRange): string {
  return `${release}${release.includes('+') ? '.' : '+'}wire.${least}-${most}`
}

/** The release in what a row says. */
export function releaseOf(version: string): string {
  return version.replace(told, '')
}

/** The range in what a row says: of a host that says none, or nonsense, version 1. */
export function wireRangeOf(version: string): WireRange {
  const [, least, most] = told.exec(version) ?? []
  const range = { least: Number(least), most: Number(most) }
  return range.least >= 1 && range.least <= range.most ? range : untold
}

/**
 * What a cluster of these members speaks.
 * @param versions as their rows say; of all that are not gone, since one that is down may come back
 * @returns undefined where there is none that all of them know
 */
export function wireSpoken(versions: readonly string[]): number | undefined {
  if (versions.length === 0) return undefined
  const ranges = versions.map(wireRangeOf)
  const most = Math.min(...ranges.map(range => range.most))
  return ranges.every(({ least }) => least <= most) ? most : undefined
}

/**
 * Why a host cannot be a member among the others.
 * @param version as its row says
 * @param others the same of the other members
 * @returns a sentence that says what to do; undefined where it can
 */
export function wireRefusal(version: string, others: readonly string[]): string | undefined {
  const spoken = wireSpoken(others)
  if (spoken === undefined) return undefined
  const { least, most } = wireRangeOf(version)
  const both = `release ${releaseOf(version)} speaks wire versions ${least} to ${most}, the cluster speaks ${spoken}`
  if (most < spoken) return `it is too old: ${both}; start it from a newer release`
  if (least > spoken) return `it is too new: ${both}; first bring the other hosts to a release that speaks ${least}`
  return undefined
}
