/* SPDX-License-Identifier: ISC */
/*
 * Counters, one for each thing an operator may ask about. They only grow, and
 * any thread may count. Those of earlier processes are in them, see tally.h.
 */
#ifndef STATS_H
#define STATS_H

#include <stdint.h>

/* name as it is reported, and what is counted */
#define STATS_COUNTERS(X)                                                      \
	X(STAT_REQUESTS, "requests", "messages received")                      \
	X(STAT_REPLIES, "replies", "messages answered")                        \
	X(STAT_MALFORMED, "malformed", "messages answered with an error")      \
	X(STAT_BUSY, "busy", "messages answered with busy")                    \
	X(STAT_RUNS, "runs", "evaluations, repeated ones included")            \
	X(STAT_ROUNDS_OVER, "rounds_over", "requests over the cap of rounds")  \
	X(STAT_DEADLINES, "deadlines", "requests answered for lack of time")   \
	X(STAT_CHECKS, "checks", "verdicts given")                             \
	X(STAT_ACCEPTED, "accepted", "of these: accept")                       \
	X(STAT_QUARANTINED, "quarantined", "of these: quarantine")             \
	X(STAT_REJECTED, "rejected", "of these: reject")                       \
	X(STAT_DEFERRED, "deferred", "of these: defer")                        \
	X(STAT_UNDECIDED, "undecided", "verdicts undecided for want of DNS")   \
	X(STAT_COMPARED, "dmarc_compared", "policies found by both methods")   \
	X(STAT_POLICY_DIFFERS, "dmarc_policy_differs",                         \
	    "of these: another policy")                                        \
	X(STAT_ORG_DIFFERS, "dmarc_org_differs",                               \
	    "of these: another organizational domain")                         \
	X(STAT_REMEMBERED, "remembered", "evaluations answered from memory")   \
	X(STAT_CACHE_HITS, "cache_hits", "records found fresh in the cache")   \
	X(STAT_CACHE_MISSES, "cache_misses", "records not found fresh")        \
	X(STAT_CACHE_PUTS, "cache_puts", "entries written to the cache")       \
	X(STAT_CACHE_PUT_FAILURES, "cache_put_failures",                       \
	    "entries that could not be written")                               \
	X(STAT_CACHE_CROWD, "cache_crowd",                                     \
	    "new names over the share of their domain")                        \
	X(STAT_CACHE_EXPIRED, "cache_expired",                                 \
	    "entries removed when of no use any more")                         \
	X(STAT_CACHE_EVICTED, "cache_evicted",                                 \
	    "entries removed while of use, for want of room")                  \
	X(STAT_CACHE_DAMAGED, "cache_damaged",                                 \
	    "entries that did not verify")                                     \
	X(STAT_CACHE_SET_ASIDE, "cache_set_aside",                             \
	    "files of the cache that were given up")                           \
	X(STAT_LOOKUPS, "lookups", "names given to the resolver")              \
	X(STAT_JOINED, "lookups_joined", "names already in flight")            \
	X(STAT_RENEWED, "lookups_renewed", "of the lookups: for renewal")      \
	X(STAT_LOOKUPS_OVER, "lookups_over", "names refused: table full")      \
	X(STAT_SECURE, "answers_secure", "answers proved by DNSSEC")           \
	X(STAT_INSECURE, "answers_insecure",                                   \
	    "answers from zones without DNSSEC")                               \
	X(STAT_INDETERMINATE, "answers_indeterminate",                         \
	    "answers whose DNSSEC could not be judged")                        \
	X(STAT_BOGUS, "answers_bogus", "answers refuted by DNSSEC")            \
	X(STAT_FAILED, "answers_failed", "answers that were failures")         \
	X(STAT_TIMEOUTS, "lookup_timeouts", "lookups over their deadline")     \
	X(STAT_CONNECTIONS, "connections", "connections accepted")             \
	X(STAT_CONNECTIONS_SHED, "connections_shed",                           \
	    "connections closed at the limit")                                 \
	X(STAT_CONNECTIONS_CUT, "connections_cut",                             \
	    "connections closed for what they sent")                           \
	X(STAT_CONNECTIONS_DENIED, "connections_denied",                       \
	    "connections from addresses that may not")                         \
	X(STAT_SEAL_REFUSED, "seal_refused",                                   \
	    "messages that no key opens")                                      \
	X(STAT_SEAL_AGAIN, "seal_again",                                       \
	    "sealed messages that were old or came twice")                     \
	X(STAT_DESCRIPTORS_CLOSED, "descriptors_closed",                       \
	    "descriptors that peers tried to pass in")                         \
	X(STAT_RELOADS, "reloads", "configurations taken")                     \
	X(STAT_RELOADS_FAILED, "reloads_failed", "configurations refused")

enum stat_id {
#define STATS_ENUM(id, name, help) id,
	STATS_COUNTERS(STATS_ENUM)
#undef STATS_ENUM
	    STATS_COUNT
};

void stat_count(enum stat_id stat);
uint64_t stat_value(enum stat_id stat);
void stat_add(enum stat_id stat, uint64_t value);
const char *stat_name(enum stat_id stat);
const char *stat_help(enum stat_id stat);

#endif
