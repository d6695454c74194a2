const wordBytes = 8
const segmentBytes = 48
/** What is looked at in all, and how many different words are counted: training is bounded in time and memory. */
const sampleBytesMax = 512 * 1024
const wordsMax = 200_000

/**
 * A dictionary of what many samples share: of each stretch of the samples the segment whose words occur in most of them, each word
 * counted for one segment only; the best segments stand last, where matches are found nearest. Equal samples give equal dictionaries.
 * @param bytesMax of the dictionary
 * @see Liao et al., Effective Construction of Relative Lempel-Ziv Dictionaries (WWW 2016), section 4
 */
export function trainedDictionary(samples: readonly Uint8Array[], bytesMax: number): Buffer {
  const bounded: string[] = []
  let size = 0
  for (const sample of samples) {
    size += sample.length
    if (size > sampleBytesMax) break
    bounded.push(Buffer.from(sample).toString('latin1'))
  }
  const counts = countsOf(bounded)
  const all = bounded.join('')
  const segments = Math.max(1, Math.floor(bytesMax / segmentBytes))
  const stretch = Math.max(segmentBytes, Math.ceil(all.length / segments))
  const chosen: { readonly text: string; readonly score: number }[] = []
  for (let start = 0; start + segmentBytes <= all.length && chosen.length < segments; start += stretch) {
    const best = bestSegment(all, start, Math.min(start + stretch, all.length), counts)
    if (best.score === 0) continue
    const text = all.slice(best.at, best.at + segmentBytes)
    for (let at = 0; at + wordBytes <= text.length; at++) counts.delete(text.slice(at, at + wordBytes))
    chosen.push({ text, score: best.score })
  }
  chosen.sort((one, other) => one.score - other.score || (one.text < other.text ? -1 : 1))
  return Buffer.from(chosen.map(({ text }) => text).join(''), 'latin1')
}

/** In how many samples each word occurs; those of one sample alone are worth nothing. */
function countsOf(samples: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const sample of samples) {
    const words = new Set<string>()
    for (let at = 0; at + wordBytes <= sample.length; at++) words.add(sample.slice(at, at + wordBytes))
    for (const word of words) {
      const count = counts.get(word) ?? 0
      if (count > 0 || counts.size < wordsMax) counts.set(word, count + 1)
    }
  }
  for (const [word, count] of counts) if (count === 1) counts.delete(word)
  return counts
}

function bestSegment(all: string, start: number, end: number, counts: Map<string, number>): { at: number; score: number } {
  const words = segmentBytes - wordBytes + 1
  const worth = (at: number): number => counts.get(all.slice(at, at + wordBytes)) ?? 0
  let score = 0
  for (let at = start; at < start + words; at++) score += worth(at)
  let best = { at: start, score }
  for (let at = start + 1; at + segmentBytes <= end; at++) {
    score += worth(at + words - 1) - worth(at - 1)
    if (score > best.score) best = { at, score }
  }
  return best
}
