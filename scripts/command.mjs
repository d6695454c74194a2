import { spawn } from 'node:child_process'
import { SetUpError } from './set-up-error.mjs'

const outputBytesMax = 1024 * 1024
const tailLines = 25

/**
 * Runs a command without input; its output is kept, not shown.
 * @param options.env variables on top of the environment
 * @returns {Promise<{ status: number, output: string }>} status 127 where the program does not exist
 */
export function attempt(program, args, options = {}) {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let output = ''
    const keep = chunk => {
      output = (output + chunk).slice(-outputBytesMax)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', error => resolve({ status: 127, output: error.message }))
    child.on('close', (status, signal) =>
      resolve({ status: status ?? 1, output: signal === null ? output : `${output}\nended by ${signal}` })
    )
  })
}

/**
 * Runs a command that has to work.
 * @param advice what to do where it fails, one sentence
 * @throws {SetUpError} with the command, the end of its output and the advice
 */
export async function run(program, args, advice, options = {}) {
  const { status, output } = await attempt(program, args, options)
  if (status !== 0) throw new SetUpError(describeFailure([program, ...args].join(' '), status, output, advice))
  return output
}

export function describeFailure(command, status, output, advice) {
  const tail = output.trimEnd().split('\n').slice(-tailLines).join('\n')
  return `${command}\nfailed (exit status ${status})${tail === '' ? '.' : ` and said last:\n${tail.replace(/^/gm, '  ')}`}\n${advice}`
}
