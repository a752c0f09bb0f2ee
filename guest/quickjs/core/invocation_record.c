/* Reference counting of invocations, and whether their code may run. */
#include "core/invocation_record.h"

#include <stdlib.h>
#include "core/check.h"

fn_invocation *fn_invocation_ref(fn_invocation *invocation) {
    invocation->references++;
    return invocation;
}

void fn_invocation_unref(fn_invocation *invocation) {
    FN_CHECK(invocation->references > 0);
    if (--invocation->references == 0 && !invocation->load) {
        free(invocation->request_id);
        free(invocation);
    }
}

bool fn_invocation_live(const fn_invocation *invocation) {
    return invocation->stop == FN_STOP_NONE;
}
