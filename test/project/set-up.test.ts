import t from 'tap'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadScript, root, runScript, writeTree } from './checkout.ts'

interface Release {
  readonly version: string
  readonly url: string
  readonly sha256: string
  readonly member: string
}

const { build, buildIsCurrent } = await loadScript<{ build(top: string): Promise<void>; buildIsCurrent(top: string): boolean }>(
  'build.mjs'
)
const { findNatsServer } = await loadScript<{ findNatsServer(top: string, env: NodeJS.ProcessEnv): string | undefined }>(
  'nats-server.mjs'
)
const { installRelease, releaseFor } = await loadScript<{
  installRelease(release: Release, top: string): Promise<void>
  releaseFor(platform: string, arch: string): Release | undefined
}>('nats-server-release.mjs')
const { exclusively } = await loadScript<{ exclusively<T>(path: string, work: () => Promise<T>): Promise<T> }>('exclusive.mjs')
const { completeLockfile } = await loadScript<{ completeLockfile(lock: { packages: Record<string, object> }): string[] }>(
  'lockfile-platforms.mjs'
)
const { dependenciesAreCurrent } = await loadScript<{ dependenciesAreCurrent(top: string): boolean }>('dependencies.mjs')

/** A small project that is built with the packages of this one. */
function project(top: string): string {
  writeTree(top, {
    'package.json': '{"name":"small","type":"module"}',
    'package-lock.json': '{}',
    'tsconfig.json': JSON.stringify({
      compilerOptions: { rootDir: '.', outDir: 'build', module: 'nodenext', strict: true, declaration: true, types: [] },
      include: ['*.ts', 'model']
    }),
    'model/a.ts': 'export const a: number = 1\n',
    'model/old/b.ts': 'export const b: number = 2\n'
  })
  symlinkSync(join(root, 'node_modules'), join(top, 'node_modules'))
  return top
}

t.test('build: done once → current, until a source changes, comes or goes', async t => {
  const top = project(t.testdir())
  t.notOk(buildIsCurrent(top))
  await build(top)
  t.ok(buildIsCurrent(top))
  t.ok(existsSync(join(top, 'build/model/a.js')))
  utimesSync(join(top, 'model/a.ts'), 1, 1)
  t.notOk(buildIsCurrent(top), 'a changed time')
  await build(top)
  writeFileSync(join(top, 'model/c.ts'), 'export const c = 3\n')
  t.notOk(buildIsCurrent(top), 'a new source')
})

t.test('build: a source is gone → what was made from it is gone as well', async t => {
  const top = project(t.testdir())
  await build(top)
  rmSync(join(top, 'model/old'), { recursive: true })
  t.notOk(buildIsCurrent(top))
  await build(top)
  t.notOk(existsSync(join(top, 'build/model/old')))
  t.ok(existsSync(join(top, 'build/model/a.js')))
})

t.test('build: a type error → told with its place, nothing emitted, not current', async t => {
  const top = project(t.testdir())
  await build(top)
  writeFileSync(join(top, 'model/a.ts'), "export const a: number = 'one'\n")
  writeFileSync(join(top, 'model/c.ts'), 'export const c = 3\n')
  await t.rejects(build(top), { message: /model\/a\.ts\(1,14\): error TS2322/ })
  t.notOk(existsSync(join(top, 'build/model/c.js')))
  t.notOk(buildIsCurrent(top))
})

t.test('packages: no stamp, or one of another lockfile → not current', async t => {
  const top = t.testdir({ 'package-lock.json': '{}', node_modules: {} })
  t.notOk(dependenciesAreCurrent(top))
  writeFileSync(join(top, 'node_modules/.carillon-dependencies'), 'another\n')
  t.notOk(dependenciesAreCurrent(top))
})

t.test('lockfile: optional packages of other platforms are missing → added with what their names tell', async t => {
  const lock = {
    packages: {
      '': { name: 'x' },
      'node_modules/tool': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: {
          '@tool/linux-x64-musl': '1.0.0',
          '@tool/darwin-arm64': '1.0.0',
          '@tool/linux-x64': '1.0.0',
          '@tool/wasm': '1.0.0',
          'ranged-linux-x64': '^1.0.0'
        }
      },
      'node_modules/@tool/linux-x64': { version: '1.0.0', optional: true }
    } as Record<string, object>
  }
  t.same(completeLockfile(lock), ['@tool/linux-x64-musl', '@tool/darwin-arm64'])
  t.same(lock.packages['node_modules/@tool/linux-x64-musl'], {
    version: '1.0.0',
    os: ['linux'],
    cpu: ['x64'],
    libc: ['musl'],
    dev: true,
    optional: true
  })
  t.same(lock.packages['node_modules/@tool/darwin-arm64'], {
    version: '1.0.0',
    os: ['darwin'],
    cpu: ['arm64'],
    dev: true,
    optional: true
  })
  t.same(completeLockfile(lock), [], 'a second time there is nothing to add')
})

t.test("lockfile: this project's is complete", async t => {
  t.same(completeLockfile(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))), [])
})

t.test('nats-server: CARILLON_NATS_SERVER comes before the PATH; where it names no program, that is said', async t => {
  const top = t.testdir({ one: { 'nats-server': '' }, two: { 'nats-server': '', empty: '' } })
  for (const folder of ['one', 'two']) chmodSync(join(top, folder, 'nats-server'), 0o755)
  const [one, two] = [join(top, 'one/nats-server'), join(top, 'two/nats-server')]
  t.equal(findNatsServer(top, { CARILLON_NATS_SERVER: two, PATH: join(top, 'one') }), two)
  t.equal(findNatsServer(top, { PATH: `${join(top, 'nowhere')}:${join(top, 'one')}:${join(top, 'two')}` }), one)
  t.throws(() => findNatsServer(top, { CARILLON_NATS_SERVER: join(top, 'two/empty'), PATH: join(top, 'one') }), {
    message: /CARILLON_NATS_SERVER is .*which is no program/
  })
})

t.test('nats-server: a release is unpacked only where its checksum is the pinned one', async t => {
  const top = t.testdir({ 'nats-server-v1-linux-amd64': { 'nats-server': '#!/bin/sh\necho here\n' } })
  execFileSync('tar', ['-czf', join(top, 'archive.tar.gz'), '-C', top, 'nats-server-v1-linux-amd64/nats-server'])
  const archive = readFileSync(join(top, 'archive.tar.gz'))
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/archive' ? 200 : 404
    response.end(request.url === '/archive' ? archive : '')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const release = {
    version: '1',
    url: `${base}/archive`,
    member: 'nats-server-v1-linux-amd64/nats-server',
    sha256: createHash('sha256').update(archive).digest('hex')
  }
  const program = join(top, '.setup/bin/nats-server')

  await t.rejects(installRelease({ ...release, sha256: '0'.repeat(64) }, top), {
    message: /its SHA-256 is [0-9a-f]{64}, not 0{64}; nothing of it was used/
  })
  t.notOk(existsSync(program))
  await t.rejects(installRelease({ ...release, url: `${base}/other` }, top), { message: /answered 404/ })
  await installRelease(release, top)
  t.match(execFileSync(program, { encoding: 'utf8' }), 'here')
})

t.test('nats-server: releases are pinned where their checksum is known, and nowhere else', async t => {
  t.match(releaseFor('linux', 'x64'), {
    url: /^https:\/\/github\.com\/nats-io\/nats-server\/releases\/download\/v[\d.]+\/.*linux-amd64\.tar\.gz$/,
    sha256: /^[0-9a-f]{64}$/
  })
  t.match(releaseFor('linux', 'arm64'), { url: /linux-arm64/, sha256: /^[0-9a-f]{64}$/ })
  t.equal(releaseFor('win32', 'x64'), undefined)
})

t.test('lock: several at once → one after the other', async t => {
  const path = join(t.testdir(), '.setup/lock')
  let inside = 0
  let most = 0
  await Promise.all(
    Array.from({ length: 4 }, () =>
      exclusively(path, async () => {
        most = Math.max(most, ++inside)
        await new Promise(resolve => setImmediate(resolve))
        inside--
      })
    )
  )
  t.equal(most, 1)
  t.notOk(existsSync(path))
})

t.test('lock: its holder was killed → taken over', async t => {
  const top = t.testdir()
  const path = join(top, 'lock')
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { exclusively } from ${JSON.stringify(pathToFileURL(join(root, 'scripts/exclusive.mjs')).href)}
       await exclusively(${JSON.stringify(path)}, () => { console.log('held'); return new Promise(() => setInterval(() => {}, 1e6)) })`
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] }
  )
  t.teardown(() => holder.kill('SIGKILL'))
  await new Promise(resolve => holder.stdout.once('data', resolve))
  t.ok(existsSync(path))
  holder.kill('SIGKILL')
  await new Promise(resolve => holder.once('exit', resolve))
  t.equal(await exclusively(path, async () => 'mine'), 'mine')
  t.notOk(existsSync(path))
})

t.test('lock: the work fails → the lock is free again', async t => {
  const path = join(t.testdir(), 'lock')
  await t.rejects(
    exclusively(path, async () => {
      throw new Error('no')
    }),
    { message: 'no' }
  )
  t.equal(await exclusively(path, async () => 1), 1)
})

t.test('node: an older one → one sentence that says what is needed, exit 1', async t => {
  const top = t.testdir({ 'old.mjs': '' })
  mkdirSync(join(top, 'scripts'))
  writeFileSync(
    join(top, 'old.mjs'),
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.19.0' } })
     await import(${JSON.stringify(pathToFileURL(join(root, 'scripts/node-version.mjs')).href)})`
  )
  const { status, stderr } = await runScript(join(top, 'old.mjs'), [])
  t.equal(status, 1)
  t.match(stderr, 'Carillon needs Node 20 or newer')
})
