//! The rules, each a function of a platform, and the one list of them that every platform runs.

pub(crate) mod certification;
pub(crate) mod changes;
pub(crate) mod contacts;
pub(crate) mod dead_letters;
pub(crate) mod deadlines;
pub(crate) mod endpoint_tests;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod idempotency;
pub(crate) mod inbox;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod parties;
pub(crate) mod past;
pub(crate) mod replays;
pub(crate) mod requests;
pub(crate) mod rounds;
pub(crate) mod secrets;
pub(crate) mod sign_ups;
pub(crate) mod users;
pub(crate) mod waiting;

use crate::platform::PlatformUnderTest;

/// Makes the names of all rules, and a macro that makes a test of each for a platform.
macro_rules! rules {
    ($($module:ident { $($rule:ident,)+ })+) => {
        /// Every rule's name.
        const RULES: &[&str] = &[$($(stringify!($rule),)+)+];

        macro_rules! contract {
            ($platform:ty) => {
                $($(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $rule() {
                        if $crate::suite::is_kept::<$platform>(stringify!($rule)) {
                            let platform = <$platform as $crate::platform::PlatformUnderTest>::open().await;
                            $crate::suite::$module::$rule(platform).await;
                        }
                    }
                )+)+

                #[test]
                fn what_is_skipped_is_a_rule_and_has_a_reason() {
                    $crate::suite::check_skips::<$platform>();
                }
            };
        }
        pub(crate) use contract;
    };
}

rules! {
    requests {
        a_request_is_read_back_whole,
        an_unknown_request_is_none,
        what_was_answered_survives_a_restart,
        a_request_is_stored_once,
        who_is_refused_leaves_no_trace,
        of_many_who_accept_at_once_one_wins,
        commands_see_the_newest_state,
        attempts_are_read_when_asked_for,
        every_batch_of_a_routing_is_stored,
        a_party_is_found_by_request,
        a_notice_is_recorded_once,
    }
    rounds {
        what_came_back_is_offered_to_others,
        of_many_who_offer_it_again_at_once_nobody_is_asked_twice,
        of_a_release_and_what_ends_it_otherwise_one_is_done,
        every_round_of_a_race_has_one_winner,
    }
    deadlines {
        a_party_is_reminded_and_then_its_time_is_over,
        an_answer_stops_the_clock_and_work_does_not,
        clocks_survive_a_restart,
        of_an_answer_and_the_end_of_the_clock_one_counts,
        many_clocks_are_kept,
        who_was_never_told_is_told_nothing,
    }
    lists {
        a_users_requests_are_newest_first,
        pages_of_requests_have_no_gap_and_no_repeat,
        an_unknown_cursor_is_the_first_page,
        pages_of_parties_have_no_gap_and_no_repeat,
    }
    past {
        past_requests_are_read_back_as_routing_saw_them,
        pages_of_past_requests_have_no_gap_and_no_repeat,
        a_window_has_its_first_moment_and_not_its_last,
        environments_keep_their_past_apart,
    }
    history {
        a_party_finds_its_own_offers_newest_first,
        pages_of_offers_have_no_gap_and_no_repeat,
        an_offer_says_when_it_changed_and_how_it_was_tried,
    }
    changes {
        what_happens_to_a_partys_offers_is_told_in_order,
        whoever_goes_on_from_place_to_place_misses_nothing,
        an_unknown_place_is_the_beginning,
    }
    replays {
        a_party_has_its_own_offers_sent_again,
        one_replay_runs_at_a_time,
        a_step_is_taken_once,
        replays_survive_a_restart,
    }
    inbox {
        a_lease_gives_the_oldest_first,
        nobody_gets_what_another_has_leased,
        a_lease_that_ends_gives_back,
        an_inbox_belongs_to_one_party_and_environment,
        what_is_acknowledged_never_comes_again,
        a_lease_is_extended_and_released,
        another_partys_offer_is_unknown,
        a_dead_letter_is_in_the_inbox,
        a_withdrawal_is_in_the_inbox,
        after_fourteen_days_nothing_is_handed_out,
        what_a_push_has_is_not_leased,
        what_waits_for_a_party_is_listed_to_the_end,
        what_waits_for_a_disabled_party_is_taken_back,
        a_lease_survives_a_restart,
    }
    waiting {
        a_new_offer_wakes_who_waits,
        a_released_offer_wakes_who_waits,
        nobody_waits_longer_than_asked,
        each_of_many_who_wait_is_woken,
    }
    dead_letters {
        dead_letters_are_newest_death_first,
        pages_of_dead_letters_have_no_gap_and_no_repeat,
        dead_letters_are_found_by_party_and_time,
        what_is_replayed_or_answered_is_dead_no_more,
    }
    parties {
        a_party_joins_once,
        every_change_raises_the_version,
        a_setting_is_in_force_when_it_is_answered,
        parties_and_keys_survive_a_restart,
        a_key_is_found_by_its_hash,
        a_revoked_key_works_no_more,
        another_partys_key_cannot_be_revoked,
        a_disabled_party_changes_no_more,
        changes_at_the_same_time_are_all_made,
    }
    keys {
        keys_are_listed_as_they_were_made,
        a_party_does_not_lock_itself_out,
        of_keys_given_up_at_the_same_time_one_is_left,
        keys_have_a_bound,
        the_use_of_a_key_is_recorded_to_the_hour,
    }
    certification {
        a_certification_is_kept_with_its_party_and_ends_once,
        a_scene_is_offered_once_and_sent_again_under_the_same_id,
        what_a_party_posts_of_a_scene_is_seen,
        an_offer_that_was_cancelled_before_is_told_and_taken_back,
    }
    contacts {
        a_contact_is_told_of_a_change_once,
    }
    secrets {
        credentials_survive_a_restart,
        credentials_are_nowhere_in_clear_text,
        signing_keys_survive_a_restart,
        signing_keys_are_nowhere_in_clear_text,
        of_rotations_at_the_same_time_no_key_is_lost,
    }
    sign_ups {
        who_signs_up_is_stored_and_confirmed_once,
        of_many_who_sign_up_with_an_id_one_has_it,
        the_token_of_a_link_is_found_by_its_hash,
        sign_ups_are_counted_by_client,
    }
    endpoint_tests {
        tests_of_an_endpoint_take_turns,
        of_many_tests_at_once_one_begins,
    }
    health {
        an_endpoint_that_nobody_has_called_is_a_good_one,
    }
    users {
        an_account_is_found_by_id_and_address,
        an_address_is_taken_once,
        an_account_is_changed,
        an_address_is_confirmed_once,
        a_phone_number_is_confirmed_of_its_own,
        no_token_confirms_another_number,
        a_token_is_good_for_a_day,
        texts_are_counted_by_account_and_by_number,
        accounts_survive_a_restart,
    }
    idempotency {
        a_key_runs_once_at_a_time,
        an_answer_is_kept_with_its_change,
        an_answer_is_kept_by_itself,
        a_refusal_is_not_kept,
        another_body_is_a_mismatch,
        an_answer_expires,
        answers_of_parties_and_users_are_kept,
    }
    events {
        every_fact_becomes_its_event_in_order,
        what_happens_to_parties_is_told,
        events_survive_a_restart,
    }
}

/// Whether a platform keeps a rule, or says why not.
pub(crate) fn is_kept<P: PlatformUnderTest>(rule: &str) -> bool {
    P::SKIPS.iter().all(|(skipped, _)| *skipped != rule)
}

pub(crate) fn check_skips<P: PlatformUnderTest>() {
    for (skipped, reason) in P::SKIPS {
        assert!(RULES.contains(skipped), "{skipped} is not a rule");
        assert!(reason.split_whitespace().count() >= 5, "{skipped} is skipped without a reason");
    }
}
