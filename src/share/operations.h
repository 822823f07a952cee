// SPDX-License-Identifier: Apache-2.0

// The requests of the FUSE protocol. Each takes the request's fields and names off its body (message.h), and puts what
// it answers into `output`; the result is 0 or an errno. A base::Error's errno is an answer too.
#pragma once

#include "share/message.h"
#include "share/share.h"

namespace caisson::share {

// No answer is due.
inline constexpr int kNoAnswer = -1;

// session.cc
int initialise(Share& share, const Request& request, Output& output);
int destroy(Share& share, const Request& request, Output& output);
int forget(Share& share, const Request& request, Output& output);
int batch_forget(Share& share, const Request& request, Output& output);
int file_system_facts(Share& share, const Request& request, Output& output);

// lookup.cc
int look_up(Share& share, const Request& request, Output& output);
int get_attributes(Share& share, const Request& request, Output& output);
int read_link(Share& share, const Request& request, Output& output);
int check_access(Share& share, const Request& request, Output& output);

// reading.cc
int open_file(Share& share, const Request& request, Output& output);
int read_file(Share& share, const Request& request, Output& output);
int seek_file(Share& share, const Request& request, Output& output);
int release(Share& share, const Request& request, Output& output);
int flush(Share& share, const Request& request, Output& output);
int sync_file(Share& share, const Request& request, Output& output);

// folders.cc
int open_folder(Share& share, const Request& request, Output& output);
int read_folder(Share& share, const Request& request, Output& output);
int read_folder_with_attributes(Share& share, const Request& request, Output& output);

// attributes.cc
int get_xattr(Share& share, const Request& request, Output& output);
int list_xattrs(Share& share, const Request& request, Output& output);

// writing.cc
int write_file(Share& share, const Request& request, Output& output);
int allocate(Share& share, const Request& request, Output& output);
int copy_range(Share& share, const Request& request, Output& output);
int create_file(Share& share, const Request& request, Output& output);

// naming.cc
int make_folder(Share& share, const Request& request, Output& output);
int make_special(Share& share, const Request& request, Output& output);
int make_symlink(Share& share, const Request& request, Output& output);
int make_link(Share& share, const Request& request, Output& output);
int remove_file(Share& share, const Request& request, Output& output);
int remove_folder(Share& share, const Request& request, Output& output);
int rename(Share& share, const Request& request, Output& output);
int rename_with_flags(Share& share, const Request& request, Output& output);

// attribute_changes.cc
int set_attributes(Share& share, const Request& request, Output& output);
int set_xattr(Share& share, const Request& request, Output& output);
int remove_xattr(Share& share, const Request& request, Output& output);

// locking.cc
int set_lock(Share& share, const Request& request, Output& output);
int get_lock(Share& share, const Request& request, Output& output);
int interrupt(Share& share, const Request& request, Output& output);

}  // namespace caisson::share
