// SPDX-License-Identifier: Apache-2.0

// Java reads no PEM files, has its authorities in a file of its own (`cacerts`), and can be told of another file but
// not of a second one. Where Java is installed in the sandbox from Debian's packages, they make that file of the
// system's. A container's image brings a Java with its own, which is part of the image: so init makes a file of the
// sandbox's bundle, in the older of Java's two formats, JKS, which every Java reads and which needs no cryptography but
// its checksum. The variable JAVA_TOOL_OPTIONS tells the container's Java of it; a Java that finds it says so on
// stderr ("Picked up JAVA_TOOL_OPTIONS: …"), so it is set only where that file is needed.
#pragma once

#include <string>
#include <string_view>

namespace caisson::guest {

inline constexpr const char* kJavaStore = "/run/caisson/trust/java.jks";

// The certificates of a bundle of PEM texts as a JKS file with the password that Java's own has ("changeit"). What is
// no certificate is left out.
std::string java_store(std::string_view bundle);

// Whether `store` is, or now has become, what java_store() makes of the file `bundle`. Made anew when the bundle has
// changed since; readers see the old or the new. Throws base::Error when it can't be written.
bool refresh_java_store(const std::string& bundle, const std::string& store);

// The variable's value with this store: what it was, if it names no store, with the option for it behind.
std::string with_java_store(std::string_view options, std::string_view store);

}  // namespace caisson::guest
