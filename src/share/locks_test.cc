// SPDX-License-Identifier: Apache-2.0

// Locks of the guest's against the host's processes and against each other.

#include <gmock/gmock.h>
#include <sys/file.h>

#include "share/share_for_test.h"

namespace caisson::share {
namespace {

class LocksTest : public ShareTest {
 protected:
  void SetUp() override {
    write("file", "0123456789");
    start({.mode = Mode::kReadWrite});
    node_ = look_up("file").nodeid;
    handle_ = open(node_, O_RDWR).fields<fuse_open_out>().fh;
    host_ = base::open_file(folder / "file", O_RDWR);
  }
  std::string lock(uint64_t owner, uint32_t type, uint64_t start = 0, uint64_t end = INT64_MAX, uint32_t flags = 0) {
    fuse_lk_in in{};
    in.fh = handle_;
    in.owner = owner;
    in.lk = {.start = start, .end = end, .type = type, .pid = 1};
    in.lk_flags = flags;
    return bytes_of(in);
  }
  int set(const std::string& body) { return client->call(FUSE_SETLK, node_, body).errnum; }
  // F_OFD_SETLK of the host's.
  int host_lock(short type, off_t start = 0, off_t length = 0) {
    struct flock record {};
    record.l_type = type;
    record.l_whence = SEEK_SET;
    record.l_start = start;
    record.l_len = length;
    return ::fcntl(host_.get(), F_OFD_SETLK, &record) != 0 ? errno : 0;
  }
  int flush(uint64_t owner) {
    fuse_flush_in in{};
    in.fh = handle_;
    in.lock_owner = owner;
    return client->call(FUSE_FLUSH, node_, bytes_of(in)).errnum;
  }

  uint64_t node_ = 0;
  uint64_t handle_ = 0;
  base::Fd host_;
};

TEST_F(LocksTest, RecordLocksHoldAgainstTheHostAndEachOther) {
  EXPECT_EQ(set(lock(1, F_WRLCK, 0, 4)), 0);
  EXPECT_EQ(host_lock(F_WRLCK, 0, 5), EAGAIN);
  EXPECT_EQ(host_lock(F_WRLCK, 5, 5), 0);
  EXPECT_EQ(set(lock(1, F_RDLCK, 5, 9)), EAGAIN);
  EXPECT_EQ(set(lock(2, F_RDLCK, 4, 4)), EAGAIN);
  EXPECT_EQ(set(lock(1, F_UNLCK, 0, 4)), 0);
  EXPECT_EQ(set(lock(2, F_RDLCK, 0, 4)), 0);
}

TEST_F(LocksTest, WhoClosesLosesThem) {
  EXPECT_EQ(set(lock(1, F_WRLCK)), 0);
  EXPECT_EQ(set(lock(2, F_RDLCK)), EAGAIN);
  EXPECT_EQ(flush(2), 0);
  EXPECT_EQ(host_lock(F_WRLCK), EAGAIN);
  EXPECT_EQ(flush(1), 0);
  EXPECT_EQ(host_lock(F_WRLCK), 0);
}

TEST_F(LocksTest, WhoeverIsInTheWayIsFound) {
  EXPECT_EQ(host_lock(F_WRLCK, 2, 3), 0);
  const auto found = client->call(FUSE_GETLK, node_, lock(1, F_RDLCK)).fields<fuse_lk_out>().lk;
  EXPECT_EQ(found.type, static_cast<uint32_t>(F_WRLCK));
  EXPECT_EQ(found.start, 2U);
  EXPECT_EQ(found.end, 4U);
  EXPECT_EQ(client->call(FUSE_GETLK, node_, lock(1, F_RDLCK, 7, 8)).fields<fuse_lk_out>().lk.type,
            static_cast<uint32_t>(F_UNLCK));
}

TEST_F(LocksTest, WhoWaitsGetsItWhenItIsFree) {
  EXPECT_EQ(host_lock(F_WRLCK), 0);
  client->send(FUSE_SETLKW, node_, lock(1, F_WRLCK));
  const uint64_t waiting = client->last_unique();
  // Others go on meanwhile.
  EXPECT_EQ(content(node_), "0123456789");
  EXPECT_EQ(host_lock(F_UNLCK), 0);
  EXPECT_EQ(client->answer_to(waiting).errnum, 0);
  EXPECT_EQ(host_lock(F_WRLCK), EAGAIN);
  // What it keeps of the file was taken from it before it got the lock.
  EXPECT_THAT(client->notifications, testing::Contains(testing::Field(&Message::errnum, -FUSE_NOTIFY_INVAL_INODE)));
}

TEST_F(LocksTest, AWaitIsInterrupted) {
  EXPECT_EQ(host_lock(F_WRLCK), 0);
  client->send(FUSE_SETLKW, node_, lock(1, F_WRLCK));
  const uint64_t waiting = client->last_unique();
  client->send(FUSE_INTERRUPT, node_, bytes_of(fuse_interrupt_in{.unique = waiting}));
  EXPECT_EQ(client->answer_to(waiting).errnum, EINTR);
}

TEST_F(LocksTest, AnInterruptionThatComesFirstIsNotLost) {
  EXPECT_EQ(host_lock(F_WRLCK), 0);
  client->send(FUSE_INTERRUPT, node_, bytes_of(fuse_interrupt_in{.unique = client->last_unique() + 3}));
  client->call(FUSE_GETATTR, node_, bytes_of(fuse_getattr_in{}));
  client->send(FUSE_SETLKW, node_, lock(1, F_WRLCK));
  // One of the two may still be on its way when the other is handled: either way it ends.
  EXPECT_EQ(client->answer().errnum, EINTR);
}

TEST_F(LocksTest, WholeFileLocksToo) {
  EXPECT_EQ(set(lock(1, F_WRLCK, 0, INT64_MAX, FUSE_LK_FLOCK)), 0);
  EXPECT_EQ(::flock(host_.get(), LOCK_SH | LOCK_NB), -1);
  EXPECT_EQ(set(lock(1, F_UNLCK, 0, INT64_MAX, FUSE_LK_FLOCK)), 0);
  EXPECT_EQ(::flock(host_.get(), LOCK_EX | LOCK_NB), 0);
  client->send(FUSE_SETLKW, node_, lock(1, F_RDLCK, 0, INT64_MAX, FUSE_LK_FLOCK));
  const uint64_t waiting = client->last_unique();
  EXPECT_EQ(::flock(host_.get(), LOCK_UN), 0);
  EXPECT_EQ(client->answer_to(waiting).errnum, 0);
}

TEST_F(LocksTest, WaitsAreBoundedAndEndWithTheShare) {
  EXPECT_EQ(host_lock(F_WRLCK), 0);
  int refused = 0;
  for (uint64_t owner = 1; owner <= 70; ++owner) client->send(FUSE_SETLKW, node_, lock(owner, F_WRLCK));
  for (int i = 0; i < 6; ++i) {
    const auto message = client->receive();
    ASSERT_TRUE(message);
    if (message->errnum == ENOLCK) ++refused;
  }
  EXPECT_EQ(refused, 6);
  stop();
  EXPECT_EQ(result, 0);
}

TEST_F(LocksTest, WhatIsNoLockIsRefused) {
  EXPECT_EQ(set(lock(1, F_WRLCK, 5, 4)), EINVAL);
  EXPECT_EQ(set(lock(1, F_WRLCK, 0, UINT64_MAX)), EINVAL);
  EXPECT_EQ(set(lock(1, 77)), EINVAL);
}

TEST_F(LocksTest, TheAttributesOfALockedFileAreAskedForEachTime) {
  EXPECT_NE(look_up("file").attr_valid, 0U);
  EXPECT_EQ(set(lock(1, F_RDLCK)), 0);
  EXPECT_EQ(look_up("file").attr_valid, 0U);
}

}  // namespace
}  // namespace caisson::share
