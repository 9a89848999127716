/* SPDX-License-Identifier: ISC */
/*
 * What stands between the sockets and a library that trusts its peers: the
 * stock libnanomsg listens with a backlog of ten, aborts on unexpected errors
 * of accept and on frames of an unknown kind, spins when descriptors run out,
 * and keeps descriptors that a peer passes in. The program itself defines listen(), accept4() and
 * recvmsg(), so the library's calls come here first.
 *
 * Only for the executable: it must export these three symbols.
 */
#ifndef NNGUARD_H
#define NNGUARD_H

/*
 * Connections whose descriptor would be `limit` or more are closed at once.
 * Call before the first socket is opened.
 */
void nnguard_open(int limit);

#endif
