import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { readConfigurationFile } from '../../deploy/configuration-file.ts'
import { readConfiguration } from '../../deploy/configuration.ts'
import { settings, type HostSettings } from '../../deploy/configuration-schema.ts'
import { httpRig } from '../api/http-rig.ts'
import { root } from '../project/checkout.ts'
import { composeSchema } from './schemas/compose-schema.ts'
import { kubernetesSchemas, kustomizationSchema } from './schemas/kubernetes-schema.ts'
import { unitOf } from './systemd-unit.ts'

type Tree = Record<string, any>

const folder = join(root, 'deploy')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const ajv = new Ajv({ allErrors: true, strict: false })

function checked(t: Test, schema: object, value: unknown, what: string): void {
  const isGood = ajv.validate(schema, value)
  t.ok(isGood, `${what}: ${isGood ? 'as its schema says' : ajv.errorsText(ajv.errors)}`)
}

/** @returns undefined where the program is not there, or does not take the words at all */
function tool(
  program: string,
  words: readonly string[]
): Promise<{ readonly status: number; readonly out: string; readonly err: string } | undefined> {
  return new Promise(resolve => {
    execFile(program, [...words], { timeout: 60_000 }, (error, out, err) => {
      const code = (error as NodeJS.ErrnoException | null)?.code
      if (code === 'ENOENT') resolve(undefined)
      else resolve({ status: error === null ? 0 : Number(code ?? 1), out, err })
    })
  })
}

/** A host's settings by its environment; a variable that is no setting, or a bad value, fails. */
function settingsOf(environment: Readonly<Record<string, string>>, file?: string): HostSettings {
  const given = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== 'CARILLON_CONFIG'))
  const { settings: host, ignoredVariables } = readConfiguration({
    hostname: 'machine',
    workingDirectory: '/',
    environment: given,
    file: file === undefined ? undefined : { path: 'carillon.yaml', text: file }
  })
  if (ignoredVariables.length > 0) throw new Error(`${ignoredVariables.join()} is no setting`)
  return host
}

const manifests: Tree[] = ['namespace', 'access', 'services', 'host', 'disruption', 'network'].flatMap(name =>
  parseAllDocuments(read(`kubernetes/base/${name}.yaml`), { version: '1.1' }).map(document => document.toJS() as Tree)
)
const ofKind = (kind: string, name?: string): Tree =>
  manifests.find(each => each['kind'] === kind && (name === undefined || each['metadata'].name === name))!
const pod = (): Tree => ofKind('StatefulSet')['spec'].template.spec

t.test('compose: the files → as the specification says, unknown fields refused; each name that is used is there', async t => {
  const compose = parse(read('compose/compose.yaml'), { merge: true }) as Tree
  const birth = parse(read('compose/compose.birth.yaml')) as Tree
  checked(t, composeSchema, compose, 'compose.yaml')
  checked(t, composeSchema, birth, 'compose.birth.yaml')
  t.not(ajv.validate(composeSchema, { ...compose, servicess: {} }), true, 'a slip is refused')
  const volumes = new Set<string>()
  for (const [name, service] of Object.entries<Tree>(compose['services'])) {
    const own = settingsOf(
      Object.fromEntries(Object.entries<string>(service['environment']).filter(([key]) => key.startsWith('CARILLON_')))
    )
    t.match(own, { name, advertise: name, bind: '0.0.0.0' }, `${name} is told to others by its own name`)
    t.ok(own.join.includes(`${name}:${own.routePort}`) && own.join.length === 3)
    const targets = service['secrets'].map((each: string | Tree) => (typeof each === 'string' ? each : each['target']))
    const sources = service['secrets'].map((each: string | Tree) => (typeof each === 'string' ? each : each['source']))
    for (const source of sources) t.ok(compose['secrets'][source], `${name}: secret ${source}`)
    t.ok(sources.includes(`${name}-key`) && sources.includes(`${name}-certificate`), 'its own certificate')
    const files = [own.tokenFile, own.clusterSecretFile, own.tlsCa, own.tlsCert, own.tlsKey]
    for (const file of files) t.ok(dirname(file) === '/run/secrets' && targets.includes(basename(file)), `${name}: ${file}`)
    const [volume, mount] = service['volumes'][0].split(':')
    t.ok(volume in compose['volumes'] && mount === own.data && !volumes.has(volume), `${name}: a volume of its own`)
    volumes.add(volume)
    const inside = service['ports'].map((each: string) => Number(each.split(':').at(-1)))
    t.same(inside, [own.httpPort, own.natsPort], 'routes are not published')
    t.ok(service['ports'].every((each: string) => each.startsWith('127.0.0.1:')))
    t.match(service['healthcheck'].test[3], new RegExp(`:${own.httpPort}/healthz\\?ready`))
  }
  t.equal(
    settingsOf({
      ...compose['services']['host-1'].environment,
      ...birth['services']['host-1'].environment,
      NODE_EXTRA_CA_CERTS: ''
    }).join.length,
    0
  )
  t.same(Object.keys(birth['services']), ['host-1'])
  for (const service of Object.values<Tree>(compose['services'])) {
    const { context, dockerfile } = service['build']
    t.ok(existsSync(join(folder, 'compose', context, dockerfile)))
  }
})

t.test('the image → its ports, variables and command are the product’s', async t => {
  const text = read('compose/Dockerfile')
  const host = settingsOf({})
  t.same(
    /^EXPOSE (.*)$/m.exec(text)?.[1]?.split(' ').map(Number),
    [host.httpPort, host.natsPort, host.routePort],
    'not the monitor’s'
  )
  for (const [variable] of text.matchAll(/\bCARILLON_[A-Z_]+/g))
    t.ok(
      settings.some(each => each.variable === variable),
      variable
    )
  t.match(text, /^USER 10001:10001$/m)
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { carillon: string } }
  t.match(text, `/opt/carillon/${bin.carillon.replace('./', '')}`)
  for (const [, file] of text.matchAll(/^RUN node (\S+)/gm)) t.ok(existsSync(join(root, file ?? '')), String(file))
})

t.test(
  'Kubernetes: the manifests → as the API says, unknown fields refused; names, ports, probes and settings fit together',
  async t => {
    for (const each of manifests) {
      const schema = kubernetesSchemas[each['kind']]
      t.ok(schema, each['kind'])
      if (schema !== undefined) checked(t, schema, each, `${each['kind']} ${each['metadata'].name}`)
    }
    const set = ofKind('StatefulSet')
    t.not(
      ajv.validate(kubernetesSchemas['StatefulSet']!, { ...set, spec: { ...set['spec'], replica: 3 } }),
      true,
      'a slip is refused'
    )
    const labels = set['spec'].template.metadata.labels
    const selectors = [
      set['spec'].selector.matchLabels,
      ofKind('Service', 'carillon')['spec'].selector,
      ofKind('Service', 'carillon-clients')['spec'].selector,
      ofKind('PodDisruptionBudget')['spec'].selector.matchLabels,
      ofKind('NetworkPolicy')['spec'].podSelector.matchLabels,
      pod()['affinity'].podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchLabels,
      pod()['topologySpreadConstraints'][0].labelSelector.matchLabels
    ]
    for (const selector of selectors) t.same(selector, labels)
    const headless = ofKind('Service', set['spec'].serviceName)
    t.match(headless['spec'], { clusterIP: 'None', publishNotReadyAddresses: true })

    const [host] = pod()['containers'] as [Tree]
    const variables: Record<string, string> = { CARILLON_NAME: 'carillon-1', POD_NAMESPACE: 'carillon' }
    for (const { name, value } of host['env'])
      if (value !== undefined)
        variables[name] = String(value).replaceAll(/\$\((\w+)\)/g, (_, other: string) => variables[other] ?? `no ${other}`)
    const own = settingsOf(Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith('CARILLON_'))))
    t.equal(own.advertise, 'carillon-1.carillon.carillon.svc')
    t.same(
      own.join,
      [0, 1, 2].map(index => `carillon-${index}.${set['spec'].serviceName}.carillon.svc:${own.routePort}`)
    )
    t.equal(own.join.length, set['spec'].replicas)
    const ports = Object.fromEntries(host['ports'].map((each: Tree) => [each['name'], each['containerPort']]))
    t.same(ports, { http: own.httpPort, nats: own.natsPort, route: own.routePort }, 'and not the monitor’s')
    for (const service of [headless, ofKind('Service', 'carillon-clients')])
      for (const each of service['spec'].ports)
        t.equal(ports[each.targetPort], each.port, `${service['metadata'].name}: ${each.name}`)
    for (const rule of ofKind('NetworkPolicy')['spec'].ingress) for (const each of rule.ports) t.ok(each.port in ports)
    t.notOk(ofKind('Service', 'carillon-clients')['spec'].ports.some((each: Tree) => each['name'] === 'route'))

    const mounts = new Map<string, string>(host['volumeMounts'].map((each: Tree) => [each['name'], each['mountPath']]))
    const names = [...pod()['volumes'], ...set['spec'].volumeClaimTemplates].map(
      (each: Tree) => each['name'] ?? each['metadata'].name
    )
    for (const container of [...pod()['initContainers'], host])
      for (const mount of container.volumeMounts) t.ok(names.includes(mount.name), `${container.name}: volume ${mount.name}`)
    t.equal(dirname(own.tokenFile), mounts.get('credentials'))
    t.equal(dirname(own.clusterSecretFile), mounts.get('credentials'))
    for (const file of [own.tlsCa, own.tlsCert, own.tlsKey]) t.equal(dirname(file), mounts.get('tls'))
    t.ok(own.data.startsWith(`${mounts.get('data')}/`), 'data on the volume')
    t.equal(variables['CARILLON_CONFIG'], pod()['initContainers'][0].command[2])
    t.ok(pod()['terminationGracePeriodSeconds'] > Number(host['lifecycle'].preStop.exec.command[1]) + 60)
  }
)

t.test('each path that a probe asks → answers without credentials where they are asked for', async t => {
  const { ask } = await httpRig(t, { settings: { token: 'a-token-that-probes-lack' } })
  const [host] = pod()['containers'] as [Tree]
  const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map(name => host[name].httpGet.path as string)
  for (const path of paths) {
    const { statusCode, body } = await ask('GET', path)
    t.ok([200, 503].includes(statusCode), `${path}: ${statusCode}`)
    t.same(Object.keys(JSON.parse(body)), ['status'])
  }
  t.not(host['livenessProbe'].httpGet.path, host['readinessProbe'].httpGet.path, 'a host without a quorum is not killed for it')
})

t.test('kustomize: base and birth → every file is named and there; birth founds, by one host', async t => {
  for (const name of ['base', 'birth']) {
    const kustomization = parse(read(`kubernetes/${name}/kustomization.yaml`)) as Tree
    checked(t, kustomizationSchema, kustomization, name)
    const files = [
      ...kustomization['resources'],
      ...(kustomization['configMapGenerator'] ?? []).flatMap((each: Tree) => each['files']),
      ...(kustomization['patches'] ?? []).map((each: Tree) => each['path'])
    ]
    for (const file of files) t.ok(existsSync(join(folder, 'kubernetes', name, file)), `${name}: ${file}`)
    const others = readdirSync(join(folder, 'kubernetes', name)).filter(file => file !== 'kustomization.yaml')
    t.same(
      others.filter(file => !files.includes(file)),
      [],
      `${name}: nothing is forgotten`
    )
    const built = await tool('kubectl', ['kustomize', join(folder, 'kubernetes', name)])
    if (built === undefined) {
      t.comment('kubectl is not on PATH: not tried with it')
      continue
    }
    t.equal(built.status, 0, built.err)
    const all = parseAllDocuments(built.out, { version: '1.1' }).map(document => document.toJS() as Tree)
    t.equal(all.length, manifests.length + 1, 'all of them, and the script for the zone')
    for (const each of all)
      checked(t, kubernetesSchemas[each['kind']]!, each, `${name}: ${each['kind']} ${each['metadata'].name}`)
    const set = all.find(each => each['kind'] === 'StatefulSet')!
    const seeds = set['spec'].template.spec.containers[0].env.find((each: Tree) => each['name'] === 'CARILLON_JOIN')
    t.same([set['spec'].replicas, seeds.value === ''], name === 'birth' ? [1, true] : [3, false])
  }
})

t.test('zone.mjs: the label of the node → the zone of the host; no label → the default; a refusal → an exit status', async t => {
  const work = mkdtempSync(join(tmpdir(), 'carillon-zone-'))
  t.teardown(() => rmSync(work, { recursive: true }))
  writeFileSync(join(work, 'token'), 'an-account-token\n')
  let labels: Record<string, string> = {}
  let status = 200
  const asked: (string | undefined)[] = []
  const api = createServer((request, response) => {
    asked.push(request.url, request.headers.authorization)
    response.writeHead(status).end(JSON.stringify({ metadata: { labels } }))
  })
  await new Promise<void>(resolve => api.listen(0, '127.0.0.1', resolve))
  t.teardown(() => api.close())
  const { port } = api.address() as { port: number }
  const file = join(work, 'carillon.yaml')
  const run = (): Promise<number> =>
    new Promise(resolve => {
      const env = {
        ...process.env,
        NODE_NAME: 'node/1',
        KUBERNETES_API: `http://127.0.0.1:${port}`,
        ACCOUNT_TOKEN: join(work, 'token')
      }
      execFile(process.execPath, [join(folder, 'kubernetes/base/zone.mjs'), file], { env }, error =>
        resolve(error === null ? 0 : 1)
      )
    })
  labels = { 'topology.kubernetes.io/zone': 'eu-west-1b' }
  t.equal(await run(), 0)
  t.same(asked, ['/api/v1/nodes/node%2F1', 'Bearer an-account-token'])
  t.equal(settingsOf({}, readConfigurationFile(file)?.text).zone, 'eu-west-1b')
  labels = {}
  t.equal(await run(), 0)
  t.equal(settingsOf({}, readConfigurationFile(file)?.text).zone, 'zone1')
  labels = { 'topology.kubernetes.io/zone': 'a\nname: b' }
  t.equal(await run(), 1)
  status = 403
  t.equal(await run(), 1)
})

t.test('systemd: the unit → directives that there are, settings that there are, and secrets by credentials', async t => {
  const text = read('systemd/carillon.service')
  const unit = unitOf(text)
  t.throws(() => unitOf(text.replace('NoNewPrivileges', 'NoNewPrivilegs')), /NoNewPrivilegs/)
  const credentials = new Set(unit.get('Service.LoadCredential')?.map(each => each.split(':')[0]))
  const variables = Object.fromEntries(unit.get('Service.Environment')!.map(each => each.split(/=(.*)/s).slice(0, 2))) as Record<
    string,
    string
  >
  const own = settingsOf(Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith('CARILLON_'))))
  for (const file of [own.tokenFile, own.clusterSecretFile, own.tlsKey])
    t.ok(file.includes('%d/') && credentials.has(basename(file)), file)
  t.equal(own.data, `/var/lib/${unit.get('Service.StateDirectory')?.[0]}`)
  t.same(unit.get('Service.Restart'), ['always'])
  t.match(unit.get('Service.RestartPreventExitStatus')?.[0], /\b3\b/)
  t.notMatch(text, /MemoryDenyWriteExecute=yes/, 'V8 compiles')
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { carillon: string } }
  t.equal(unit.get('Service.ExecStart')?.[0], `/usr/bin/node /opt/carillon/${bin.carillon.replace('./', '')} host`)

  const work = mkdtempSync(join(tmpdir(), 'carillon-unit-'))
  t.teardown(() => rmSync(work, { recursive: true }))
  const copy = join(work, 'carillon.service')
  writeFileSync(copy, text.replace('/usr/bin/node', process.execPath))
  const verified = await tool('systemd-analyze', ['verify', '--man=no', copy])
  if (verified === undefined) return t.comment('systemd-analyze is not on PATH: not tried with it')
  t.equal(verified.err, '', 'systemd-analyze verify says nothing')
  t.equal(verified.status, 0)
})

t.test('docker compose, where it is on PATH → takes the files', async t => {
  const has = await tool('docker', ['compose', 'version'])
  if (has === undefined || has.status !== 0) return t.comment('docker compose is not there: not tried with it')
  const file = (name: string): string => join(folder, 'compose', name)
  for (const files of [
    ['-f', file('compose.yaml')],
    ['-f', file('compose.yaml'), '-f', file('compose.birth.yaml')]
  ]) {
    const said = await tool('docker', ['compose', ...files, 'config', '--quiet'])
    t.equal(said?.status, 0, String(said?.err))
  }
})
