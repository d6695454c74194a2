import type { PutRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { fault, type Fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { errorOf, type StoreError } from './errors.ts'
import type { Request } from './request.ts'

type Code = 'timeout' | 'unavailable' | 'overloaded'

/** The request ends without an answer: a write that was sent may have been stored. */
export function unanswered(request: Request, code: Code, why: string): StoreError {
  if (!request.isWrite || request.coordinator === undefined) return withoutEffect(request, code, why)
  return errorOf(faultOf(request, code, `${why}: some replica may hold the write`, 'indeterminate'))
}

/** The request ends, and surely nothing was stored. */
export function withoutEffect(request: Request, code: Code, why: string): StoreError {
  return errorOf(faultOf(request, code, why, 'refused'))
}

function faultOf(request: Request, code: Code, why: string, outcome: 'refused' | 'indeterminate'): Fault {
  const detail = `${request.message.kind}: ${why}`
  return request.isWrite ? fault(code, detail, { outcome }) : fault(code, detail)
}

/** The bus did not take it. */
export function notTaken(request: Request): StoreError {
  const size = request.message.kind === 'put' ? (request.message as PutRequest).value.length : 0
  const limit = limits.pairBytesCeiling
  return errorOf(
    size > limit
      ? fault('too_large', `the value has ${size} bytes, the limit is ${limit}: store it in parts`, {
          limit,
          size,
          outcome: 'refused'
        })
      : fault('overloaded', 'too many bytes wait for the server: send less, or more slowly', { outcome: 'refused' })
  )
}

/** Whom the request was sent to last, for people. */
export function whereOf(request: Request): string {
  const at = request.coordinator?.thread ?? request.to?.address
  return at === undefined ? '' : ` from ${at}`
}
