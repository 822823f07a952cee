// SPDX-License-Identifier: Apache-2.0

// The machine's own certificate authority, with which the gate answers as the server that a guest asks for, where the
// requests in a TLS connection have to be read. It is made on first use. Only its certificate goes into sandboxes; the
// key (0600, in a folder with 0700) stays on the host, and nobody but the user's sandboxes trusts it.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "link/services.h"

namespace caisson::gate {

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using X509Ptr = std::unique_ptr<X509, FreeX509>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeX509>;

class LocalAuthority {
 public:
  static constexpr size_t kMostLeaves = 256;

  // Reads what is in the folder, or makes it; processes that do so at once get the same. Throws base::Error: also where
  // others than the user can read the key.
  explicit LocalAuthority(const std::string& folder);
  // Below the user's data folder.
  static std::string folder_of_this_machine();

  const std::string& certificate_pem() const { return certificate_pem_; }
  link::Authority for_guests() const;
  // For the gate as the server of this name or address, which a certificate is made for and kept a while.
  void use(SSL& ssl, const std::string& host);

 private:
  struct Leaf {
    std::string host;
    X509Ptr certificate;
    std::chrono::steady_clock::time_point made;
  };
  using Leaves = std::list<Leaf>;  // the latest used first

  X509& leaf(const std::string& host);
  X509Ptr make_leaf(const std::string& host) const;

  KeyPtr key_;
  X509Ptr certificate_;
  std::string certificate_pem_;
  KeyPtr leaf_key_;  // of all leaves, in memory only
  Leaves leaves_;
  std::map<std::string, Leaves::iterator, std::less<>> by_host_;
};

}  // namespace caisson::gate
