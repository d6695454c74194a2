import type { Got, Receipt } from '../../actors/coordinator/coordinator-protocol.ts'
import { valueMembers } from '../json-value.ts'
import type { Reading } from '../reading.ts'

/*
 * The bodies of the JSON door, put together as text: a stored JSON value goes into the reply as it was stored.
 */

export function foundBody(shownKey: string, reading: Reading, receipt: Receipt | undefined): string {
  const { versions, context } = reading
  const newest = versions[0]!
  const key = JSON.stringify(shownKey)
  return `{"message":"found","key":${key},${valueMembers(newest.value, newest.contentType)}${siblingsMember(reading)},"context":"${context}"${receiptMember(receipt)}}`
}

export function notFoundBody(shownKey: string, receipt: Receipt | undefined): string {
  return `{"message":"not found","key":${JSON.stringify(shownKey)},"value":null${receiptMember(receipt)}}`
}

/** @param shownValue the member `value` and what belongs to it */
export function storedBody(shownKey: string, shownValue: string, context: string, receipt: Receipt | undefined): string {
  return `{"message":"key stored","key":${JSON.stringify(shownKey)},${shownValue},"context":"${context}"${receiptMember(receipt)}}`
}

/** All of several siblings as a JSON array, newest first. */
export function siblingsArray(reading: Reading): string {
  return `[${reading.versions.map(version => `{${valueMembers(version.value, version.contentType)}}`).join(',')}]`
}

export function readBody(shownKey: string, got: Got, reading: Reading): string {
  return reading.versions.length === 0 ? notFoundBody(shownKey, got.receipt) : foundBody(shownKey, reading, got.receipt)
}

function siblingsMember(reading: Reading): string {
  return reading.versions.length > 1 ? `,"siblings":${siblingsArray(reading)}` : ''
}

function receiptMember(receipt: Receipt | undefined): string {
  return receipt === undefined ? '' : `,"receipt":${JSON.stringify(receipt)}`
}
