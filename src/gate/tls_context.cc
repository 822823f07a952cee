// SPDX-License-Identifier: Apache-2.0

// What the gate's TLS accepts, on both sides.

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "gate/address.h"
#include "gate/tls_stream.h"

namespace caisson::gate {
namespace {

const unsigned char* alpn_bytes(std::string_view protocols) {
  return reinterpret_cast<const unsigned char*>(protocols.data());
}

SslContextPtr new_context(const SSL_METHOD* method) {
  SslContextPtr context(SSL_CTX_new(method));
  if (!context) throw base::Error("cannot set up TLS: " + tls_problem());
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    throw base::Error("cannot set up TLS: " + tls_problem());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // Thousands of connections wait most of the time.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

// A client that offers other protocols only is told so (RFC 7301, section 3.2).
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_bytes, void* /*none*/) {
  const auto* taken = static_cast<const std::string_view*>(SSL_get_app_data(ssl));
  const std::string_view protocols = taken == nullptr ? kAlpnHttp1 : *taken;
  // SSL_select_next_proto gives a pointer that is not const for a place in either of its arguments.
  auto** out = const_cast<unsigned char**>(chosen);
  const int result = SSL_select_next_proto(out, size, alpn_bytes(protocols), static_cast<unsigned>(protocols.size()),
                                           offered, offered_bytes);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

SslContextPtr tls_server_context() {
  SslContextPtr context = new_context(TLS_server_method());
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

SslContextPtr tls_client_context(const std::string& trust_store) {
  SslContextPtr context = new_context(TLS_client_method());
  const bool loaded = trust_store.empty()
                          ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                          : SSL_CTX_load_verify_locations(context.get(), trust_store.c_str(), nullptr) == 1;
  if (!loaded)
    throw base::Error("cannot read the certificates of the authorities that the host trusts: " + tls_problem());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

SslPtr tls_client(SSL_CTX& context, const std::string& host) {
  SslPtr ssl(SSL_new(&context));
  if (!ssl) throw base::Error("cannot set up TLS: " + tls_problem());
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  bool set = false;
  if (IpAddress::parse(host)) {
    set = X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  } else {
    set = X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
          SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  }
  if (!set) throw base::Error("cannot set up TLS to " + base::in_quotes(host) + ": " + tls_problem());
  offer_protocols(*ssl, kAlpnHttp1);
  return ssl;
}

void offer_protocols(SSL& ssl, std::string_view protocols) {
  // 0 is success, other than everywhere else.
  if (SSL_set_alpn_protos(&ssl, alpn_bytes(protocols), static_cast<unsigned>(protocols.size())) != 0)
    throw base::Error("cannot set up TLS: " + tls_problem());
}

void take_protocols(SSL& ssl, const std::string_view& protocols) {
  SSL_set_app_data(&ssl, const_cast<std::string_view*>(&protocols));
}

}  // namespace caisson::gate
