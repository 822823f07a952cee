// SPDX-License-Identifier: Apache-2.0

// Keys and certificates of the gate's authority, by OpenSSL. All throw base::Error.
#pragma once

#include <string>
#include <string_view>

#include "gate/ca.h"

namespace caisson::gate {

KeyPtr new_key();  // P-256
std::string to_pem(const X509& certificate);
std::string to_pem(const EVP_PKEY& key);
X509Ptr certificate_from_pem(const std::string& pem);
KeyPtr key_from_pem(const std::string& pem);
// The name of its file in a folder that OpenSSL looks certificates up in, without the ".0" at its end.
std::string subject_hash(const X509& certificate);

// A self-signed certificate of an authority that issues certificates of servers, for ten years.
X509Ptr new_authority(EVP_PKEY& key, const std::string& name);
// A server's certificate for a week; from yesterday, for clocks that are behind.
X509Ptr new_server_certificate(EVP_PKEY& key, const std::string& host, X509& issuer, EVP_PKEY& issuer_key);

}  // namespace caisson::gate
