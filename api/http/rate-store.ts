import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import { limits } from '../../model/limits.ts'
import { RateLimits } from '../../model/rate-limits.ts'

type Counted = Parameters<FastifyRateLimitStore['incr']>[1]

/**
 * Where the rate limiter of the HTTP door keeps its counts: token buckets, as at all other doors. Its own store gives all requests of one
 * turn the count after the last of them, so that a burst over the limit was refused as a whole.
 */
export function tokenStore(now: () => number): FastifyRateLimitStoreCtor {
  const rates = new RateLimits(limits.ratedClientsMax)
  return class TokenStore implements FastifyRateLimitStore {
    /** @param perSecond the limit */
    incr(name: string, counted: Counted, _windowMs?: number, perSecond = 1): void {
      const waitMs = rates.take(name, perSecond, now())
      counted(null, { current: waitMs === 0 ? perSecond : perSecond + 1, ttl: waitMs })
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
