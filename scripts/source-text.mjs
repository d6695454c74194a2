// Reads TypeScript just well enough to see imports and names: no parser with an API exists for TypeScript 7.

const valueEnd = /[\w$)\]}]$/
const keywordEnd = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|instanceof|yield|await)$/

/**
 * The text with comments blanked, and without what stands in strings, templates and regular expressions.
 * Lines and columns stay where they are; the code within `${}` stays.
 * @returns {{ code: string, withStrings: string }} `withStrings` keeps the strings, for the names of modules
 */
export function stripSource(text) {
  const code = text.split('')
  const withStrings = text.split('')
  const blank = (list, from, to) => {
    for (let i = from; i < to; i++) if (list[i] !== '\n') list[i] = ' '
  }
  const braces = []
  let i = 0
  while (i < text.length) {
    const two = text.slice(i, i + 2)
    const start = i
    if (two === '//' || two === '/*') {
      const end = two === '//' ? text.indexOf('\n', i) : text.indexOf('*/', i + 2) + 2
      i = end <= 1 ? text.length : end
      blank(code, start, i)
      blank(withStrings, start, i)
    } else if (text[i] === "'" || text[i] === '"') {
      i = endOfQuoted(text, i)
      blank(code, start + 1, i - 1)
    } else if (text[i] === '`' || (text[i] === '}' && braces.at(-1) === 'template')) {
      if (text[i] === '}') braces.pop()
      i = endOfTemplatePart(text, i + 1)
      const opens = text.slice(i - 2, i) === '${'
      if (opens) braces.push('template')
      blank(code, start + 1, opens ? i - 2 : i - 1)
      blank(withStrings, start + 1, opens ? i - 2 : i - 1)
    } else if (text[i] === '/' && startsRegularExpression(text, i)) {
      i = endOfRegularExpression(text, i)
      blank(code, start + 1, i - 1)
      blank(withStrings, start + 1, i - 1)
    } else {
      if (text[i] === '{') braces.push('block')
      else if (text[i] === '}') braces.pop()
      i++
    }
  }
  return { code: code.join(''), withStrings: withStrings.join('') }
}

function endOfQuoted(text, from) {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === text[from] || text[i] === '\n') return i + 1
  }
  return text.length
}

/** The place behind the closing backtick, or behind the `${` that interrupts the text. */
function endOfTemplatePart(text, from) {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return i + 1
    else if (text[i] === '$' && text[i + 1] === '{') return i + 2
  }
  return text.length
}

function startsRegularExpression(text, at) {
  const before = text.slice(Math.max(0, at - 40), at).trimEnd()
  return !valueEnd.test(before) || keywordEnd.test(before)
}

function endOfRegularExpression(text, from) {
  let inClass = false
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '\n') return i
    else if (text[i] === '[') inClass = true
    else if (text[i] === ']') inClass = false
    else if (text[i] === '/' && !inClass) return i + 1
  }
  return text.length
}

const importForms = [
  { pattern: /(?<![\w$.])(import|export)\b(?!\s*\()([^'"`;=]*?)\bfrom\s*(['"])([^'"\n]+)\3/g, group: 4, reexport: true },
  { pattern: /(?<![\w$.])import\s*(['"])([^'"\n]+)\1/g, group: 2 },
  { pattern: /(?<![\w$.])import\s*\(\s*(['"])([^'"\n]+)\1/g, group: 2, dynamic: true }
]

/**
 * Every module that a source names, types included.
 * @param withStrings of `stripSource`
 * @returns {{ specifier: string, line: number, dynamic: boolean, reexport: boolean, typeOnly: boolean }[]}
 */
export function importsOf(withStrings) {
  const found = []
  for (const { pattern, group, dynamic = false, reexport = false } of importForms) {
    for (const match of withStrings.matchAll(pattern)) {
      found.push({
        specifier: match[group],
        line: lineAt(withStrings, match.index),
        dynamic,
        reexport: reexport && match[1] === 'export',
        typeOnly: reexport && /^\s*type\b/.test(match[2])
      })
    }
  }
  return found
}

export function lineAt(text, index) {
  let line = 1
  for (let i = text.indexOf('\n'); i !== -1 && i < index; i = text.indexOf('\n', i + 1)) line++
  return line
}
