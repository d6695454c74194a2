/** Directives of systemd 252 that our units may use, by section; the rest is refused. See systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5). */
const known: Readonly<Record<string, readonly string[]>> = {
  Unit: ['Description', 'Documentation', 'Wants', 'After', 'StartLimitIntervalSec'],
  Service: [
    ...['Type', 'User', 'Group', 'Environment', 'LoadCredential', 'ExecStart', 'WorkingDirectory', 'StateDirectory'],
    ...['StateDirectoryMode', 'UMask', 'LimitNOFILE', 'Restart', 'RestartSec', 'RestartPreventExitStatus', 'KillMode'],
    ...['KillSignal', 'TimeoutStopSec', 'SuccessExitStatus', 'NoNewPrivileges', 'CapabilityBoundingSet', 'AmbientCapabilities'],
    ...['ProtectSystem', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'ProtectClock', 'ProtectHostname', 'ProtectKernelLogs'],
    ...['ProtectKernelModules', 'ProtectKernelTunables', 'ProtectControlGroups', 'ProtectProc', 'RestrictAddressFamilies'],
    ...['RestrictNamespaces', 'RestrictRealtime', 'RestrictSUIDSGID', 'LockPersonality', 'RemoveIPC', 'SystemCallArchitectures'],
    ...['SystemCallFilter', 'SystemCallErrorNumber']
  ],
  Install: ['WantedBy']
}

export type Unit = ReadonlyMap<string, readonly string[]>

/** Values by `Section.Directive`, in order. @throws {Error} a line that is none, or a directive that is not known */
export function unitOf(text: string): Unit {
  const unit = new Map<string, string[]>()
  let section = ''
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const head = /^\[(\w+)\]$/.exec(line)
    const pair = /^([A-Za-z]+)=(.*)$/.exec(line)
    if (head !== null) section = head[1]!
    else if (pair === null || known[section]?.includes(pair[1]!) !== true) throw new Error(`line ${index + 1}: ${line}`)
    else unit.set(`${section}.${pair[1]}`, [...(unit.get(`${section}.${pair[1]}`) ?? []), pair[2]!])
  }
  return unit
}
