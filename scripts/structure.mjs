import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { importsOf, lineAt, stripSource } from './source-text.mjs'
import * as rules from './structure-rules.mjs'

const skippedFolders = new Set(['node_modules', 'build', 'coverage', 'data', 'dist'])
const kebabCase = /^[a-z0-9]+(?:-[a-z0-9]+)*$/
const sourceEnding = /(?:\.test|\.fixture|\.d)?\.(?:ts|tsx|mjs)$/

/**
 * Checks a tree against `structure-rules.mjs`.
 * @returns {{ errors: Finding[], warnings: Finding[] }} each `{ rule, file, line, message }`
 */
export function checkStructure(root) {
  const files = new Map(listSources(root, '').map(name => [name, readSource(root, name)]))
  const errors = []
  const warnings = []
  for (const [name, source] of files) {
    checkName(name, errors)
    checkLength(name, source, errors, warnings)
    checkBarrel(name, source, errors)
    checkPurity(name, source, errors)
    for (const edge of source.edges) {
      checkDirection(name, edge, errors)
      checkBehaviour(name, edge, files, errors)
    }
  }
  checkCycles(files, errors)
  return { errors, warnings }
}

function listSources(root, folder) {
  const found = []
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.name.startsWith('.') || skippedFolders.has(entry.name)) continue
    if (entry.isDirectory()) found.push(...listSources(root, name))
    else if (sourceEnding.test(name)) found.push(name)
  }
  return found.sort()
}

function readSource(root, name) {
  const text = readFileSync(join(root, name), 'utf8')
  const { code, withStrings } = stripSource(text)
  const imports = importsOf(withStrings)
  const edges = imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(found => ({ ...found, target: posix.normalize(posix.join(posix.dirname(name), found.specifier)) }))
  return { code, imports, edges, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0) }
}

function checkName(name, errors) {
  for (const part of name.split('/')) {
    const stem = part.replace(sourceEnding, '')
    if (!kebabCase.test(stem)) add(errors, 'name', name, 1, `${part} is not kebab-case`)
    const banned = stem.split('-').find(word => rules.bannedWords.includes(word))
    if (banned !== undefined) add(errors, 'name', name, 1, `'${banned}' says nothing: name the one idea that ${part} holds`)
  }
}

function checkLength(name, source, errors, warnings) {
  if (source.lines > rules.linesMax)
    add(errors, 'length', name, 1, `${source.lines} lines, the limit is ${rules.linesMax}: part its two ideas`)
  else if (source.lines > rules.linesWarned) add(warnings, 'length', name, 1, `${source.lines} lines; about 150 is usual`)
}

/** A barrel is a file with re-exports and nothing of its own. */
function checkBarrel(name, source, errors) {
  if (rules.barrels.includes(name) || !/\.tsx?$/.test(name)) return
  const reexport = source.imports.find(found => found.reexport)
  if (reexport === undefined) return
  const own = source.code
    .replace(/(?<![\w$.])(?:import|export)\b[^;'"]*?\bfrom\s*(['"])\s*\1/g, '')
    .replace(/(?<![\w$.])import\s*(['"])\s*\1/g, '')
  if (!/\S/.test(own.replaceAll(';', '')))
    add(errors, 'barrel', name, reexport.line, 'a file of re-exports only: import from where the thing is')
}

function checkPurity(name, source, errors) {
  if (!rules.pureFolders.some(folder => name.startsWith(folder)) || rules.adapters.includes(name)) return
  for (const { pattern, name: what, unless } of rules.impurities) {
    if (unless?.test(source.code)) continue
    for (const match of source.code.matchAll(pattern)) {
      add(
        errors,
        'purity',
        name,
        lineAt(source.code, match.index),
        `${what} is out of bounds here: take it from the context or a port`
      )
    }
  }
  for (const { specifier, line, typeOnly } of source.imports) {
    if (!typeOnly && rules.impureModules.test(specifier))
      add(errors, 'purity', name, line, `${specifier} is out of bounds here: take it from the context or a port`)
  }
}

function checkDirection(name, edge, errors) {
  const layer = Object.keys(rules.layers).find(folder => name.startsWith(`${folder}/`))
  if (layer === undefined) return
  const allowed = [`${layer}/`, ...rules.layers[layer]]
  if (allowed.some(place => (place.endsWith('/') ? edge.target.startsWith(place) : edge.target === place))) return
  if (edge.dynamic && rules.dynamicEdges.some(({ from, to }) => name.startsWith(from) && edge.target.startsWith(to))) return
  const may = rules.layers[layer].join(', ')
  add(errors, 'direction', name, edge.line, `${layer}/ must not import ${edge.target}${may === '' ? '' : ` (it may: ${may})`}`)
}

/** What has a `-protocol` file beside it is an actor's behaviour: others speak to it, they don't call it. */
function checkBehaviour(name, edge, files, errors) {
  if (!name.startsWith('actors/') || name === 'actors/tree.ts' || !edge.target.startsWith('actors/')) return
  const protocol = edge.target.replace(/\.ts$/, '-protocol.ts')
  if (files.has(protocol))
    add(errors, 'behaviour', name, edge.line, `${edge.target} is another actor's behaviour: import ${protocol}`)
}

/** Depth first; each cycle is told once, from the file where it was closed. `import()` is no part of one. */
function checkCycles(files, errors) {
  const state = new Map()
  const path = []
  const visit = name => {
    state.set(name, 'open')
    path.push(name)
    for (const edge of files.get(name).edges) {
      if (edge.dynamic || !files.has(edge.target)) continue
      if (state.get(edge.target) === 'open') {
        const cycle = [...path.slice(path.indexOf(edge.target)), edge.target]
        add(errors, 'cycle', name, edge.line, `imports in a circle: ${cycle.join(' → ')}`)
      } else if (!state.has(edge.target)) visit(edge.target)
    }
    path.pop()
    state.set(name, 'done')
  }
  for (const name of files.keys()) if (!state.has(name)) visit(name)
}

function add(list, rule, file, line, message) {
  list.push({ rule, file, line, message })
}
