/* no_tls.c - what libmicrohttpd asks of GnuTLS, for a program that is linked whole.
 *
 * The static library of a distribution brings its TLS with it, and with that GnuTLS and all below it, parts of which exist only as shared libraries.
 * This server speaks no TLS (docs/SERVER.md: a proxy does), so the library never gets beyond gnutls_global_init; a session that was asked for all the
 * same would fail. Only `make STATIC=1` links this file; the shared library has its own GnuTLS.
 * SPDX-License-Identifier: MIT */
#include <stddef.h>

enum { NO_TLS = -1250 }; /* GNUTLS_E_UNIMPLEMENTED_FEATURE */

#define FAILS(name)                                                                                                    \
    int name(void);                                                                                                    \
    int name(void)                                                                                                     \
    {                                                                                                                  \
        return NO_TLS;                                                                                                 \
    }
#define NOTHING(name)                                                                                                  \
    void name(void);                                                                                                   \
    void name(void)                                                                                                    \
    {                                                                                                                  \
    }
#define NULLS(name)                                                                                                    \
    void *name(void);                                                                                                  \
    void *name(void)                                                                                                   \
    {                                                                                                                  \
        return NULL;                                                                                                   \
    }

int gnutls_global_init(void);
int gnutls_global_init(void)
{
    return 0;
}

const char *gnutls_strerror(int code);
const char *gnutls_strerror(int code)
{
    (void)code;
    return "this program is built without TLS";
}

extern void *(*gnutls_malloc)(size_t);
void *(*gnutls_malloc)(size_t);

NOTHING(gnutls_global_deinit)
NOTHING(gnutls_deinit)
NOTHING(gnutls_priority_deinit)
NOTHING(gnutls_dh_params_deinit)
NOTHING(gnutls_certificate_free_credentials)
NOTHING(gnutls_certificate_server_set_request)
NOTHING(gnutls_certificate_set_dh_params)
NOTHING(gnutls_certificate_set_retrieve_function2)
NOTHING(gnutls_certificate_set_retrieve_function3)
NOTHING(gnutls_psk_free_server_credentials)
NOTHING(gnutls_psk_set_server_credentials_function)
NOTHING(gnutls_session_set_ptr)
NOTHING(gnutls_transport_set_int2)
NULLS(gnutls_session_get_ptr)
FAILS(gnutls_alpn_set_protocols)
FAILS(gnutls_bye)
FAILS(gnutls_certificate_allocate_credentials)
FAILS(gnutls_certificate_set_x509_key_mem)
FAILS(gnutls_certificate_set_x509_key_mem2)
FAILS(gnutls_certificate_set_x509_trust_mem)
FAILS(gnutls_cipher_get)
FAILS(gnutls_credentials_set)
FAILS(gnutls_dh_params_import_pkcs3)
FAILS(gnutls_dh_params_init)
FAILS(gnutls_handshake)
FAILS(gnutls_init)
FAILS(gnutls_priority_init)
FAILS(gnutls_priority_set)
FAILS(gnutls_protocol_get_version)
FAILS(gnutls_psk_allocate_server_credentials)
FAILS(gnutls_record_check_pending)
FAILS(gnutls_record_get_direction)
FAILS(gnutls_record_recv)
FAILS(gnutls_record_send)
