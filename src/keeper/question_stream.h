// SPDX-License-Identifier: Apache-2.0

// GET /v1/policy/questions: the questions that are open, as often as they change.
#pragma once

#include <memory>

#include "gate/questions.h"
#include "keeper/channel.h"

namespace caisson::keeper {

// Until the questions are closed or the client has gone. Never throws. `questions` lives in what `alive` holds.
asio::awaitable<void> stream_questions(std::shared_ptr<void> alive, gate::Questions& questions, ChannelPtr channel);

}  // namespace caisson::keeper
