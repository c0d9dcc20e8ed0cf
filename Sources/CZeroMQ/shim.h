#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <zmq.h>

// In libzmq since 4.3.0, in its header only with the draft API.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

// prctl is variadic, which Swift cannot call.
static inline void estiba_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
