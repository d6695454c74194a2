// Completes package-lock.json with the optional packages of platforms that the registry at hand did not offer.
// A mirror that carries only some platforms leaves them out of the lockfile, and `npm ci` then refuses it everywhere
// ("Missing … from lock file"). Each is named with an exact version by its parent, so the entry can be written here;
// npm fetches it only on the platform that it is for.
// Run it after every change of dependencies: npm run lock
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']
const exactVersion = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/

/**
 * What a platform package is for, read from its name (`@biomejs/cli-linux-x64-musl`).
 * @returns undefined where the name tells no platform
 */
export function platformOf(name) {
  const words = name.split('/').pop().split('-')
  const os = words.find(word => systems.includes(word))
  const cpu = words.find(word => processors.includes(word))
  if (os === undefined || cpu === undefined) return undefined
  const libc = words.some(word => word.startsWith('musl'))
    ? 'musl'
    : words.some(word => word.startsWith('gnu'))
      ? 'glibc'
      : undefined
  return os === 'linux' && libc !== undefined ? { os: [os], cpu: [cpu], libc: [libc] } : { os: [os], cpu: [cpu] }
}

/**
 * Adds what is missing to a parsed lockfile (version 3), in place.
 * @returns the names that were added
 */
export function completeLockfile(lock) {
  const added = []
  for (const [parentPath, parent] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (resolves(lock.packages, parentPath, name)) continue
      const platform = platformOf(name)
      if (platform === undefined || !exactVersion.test(version)) continue
      const { os, cpu, libc } = platform
      // The order of npm's own: else its next run would move every line.
      lock.packages[`node_modules/${name}`] = {
        version,
        cpu,
        ...(parent.dev === true ? { dev: true } : {}),
        ...(libc === undefined ? {} : { libc }),
        optional: true,
        os
      }
      added.push(name)
    }
  }
  if (added.length > 0) {
    const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
    lock.packages = Object.fromEntries(sorted)
  }
  return added
}

/** Node's own rule: the nearest node_modules on the way up. */
function resolves(packages, from, name) {
  for (let path = from; ; ) {
    if (packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`] !== undefined) return true
    if (path === '') return false
    const up = path.lastIndexOf('/node_modules/')
    path = up < 0 ? '' : path.slice(0, up)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = process.argv[2] ?? 'package-lock.json'
  const lock = JSON.parse(readFileSync(path, 'utf8'))
  const added = completeLockfile(lock)
  if (added.length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(added.length === 0 ? `${path}: complete` : `${path}: added ${added.length} packages of other platforms`)
}
