// SPDX-License-Identifier: Apache-2.0

// TLS servers and clients of a test, with authorities of their own.
#pragma once

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "gate/ca.h"
#include "gate/tls_stream.h"

namespace caisson::gate {

// An authority with what trusts it and what it trusts.
struct TestAuthority {
  TestAuthority() { base::write_file_atomic(trust_store, authority.certificate_pem(), 0644); }

  // A server with a certificate for this host.
  SslPtr server(const std::string& host) {
    SslPtr ssl(SSL_new(server_context.get()));
    SSL_set_accept_state(ssl.get());
    authority.use(*ssl, host);
    return ssl;
  }

  base::TempFolder temp;
  LocalAuthority authority{temp.path() + "/ca"};
  std::string trust_store = temp.path() + "/trusted.pem";
  SslContextPtr server_context = tls_server_context();
};

}  // namespace caisson::gate
