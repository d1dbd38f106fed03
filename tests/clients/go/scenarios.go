package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

var scenarios = map[string]func(ctx context.Context, it client, asked asked, model string) error{
	"plain":    plain,
	"stream":   streamed,
	"parallel": parallel,
	"error":    refusal,
	"cut":      cut,
	"silence":  silent,
}

func plain(ctx context.Context, it client, _ asked, model string) error {
	text := fresh("hello")
	got, err := it.converse(ctx, model, []string{text, "and again"})
	return equal("answers", got, []string{answer(text, 1), answer("and again", 2)}, err)
}

func streamed(ctx context.Context, it client, _ asked, model string) error {
	text := long()
	var pieces []string
	var times []time.Time
	err := it.stream(ctx, model, text, func(piece string) {
		pieces = append(pieces, piece)
		times = append(times, time.Now())
	})
	if err := equal("text", strings.Join(pieces, ""), answer(text, 1), err); err != nil {
		return err
	}
	// The demo takes 40 ms from one piece to the next; whoever collects them first gives them at once.
	if len(pieces) < 3 || times[len(times)-1].Sub(times[0]) < 200*time.Millisecond {
		return fmt.Errorf("it does not come as it is made: %q at %v", pieces, times)
	}
	return nil
}

func parallel(ctx context.Context, it client, asked asked, model string) error {
	var wishes []string
	for _, call := range asked.Calls {
		wishes = append(wishes, call.Wish)
	}
	for _, streams := range []bool{false, true} {
		got, answers, err := it.loop(ctx, model, withWishes("please look", wishes...), "and again", streams)
		if err != nil {
			return err
		}
		if err := checkCalls(got, asked.Calls); err != nil {
			return err
		}
		place := 0
		for _, call := range asked.Calls {
			found := strings.Index(answers[0][place:], call.Result)
			if found < 0 {
				return fmt.Errorf("the answer quotes no %q: %q", call.Result, answers[0])
			}
			place += found
		}
		if !strings.HasSuffix(answers[1], "You said: and again") {
			return fmt.Errorf("the next answer: %q", answers[1])
		}
	}
	return nil
}

func checkCalls(got []called, calls []wanted) error {
	if len(got) != len(calls) {
		return fmt.Errorf("calls: %v", got)
	}
	var ids []string
	for place, call := range calls {
		if got[place].name != call.Name || !reflect.DeepEqual(got[place].arguments, any(call.Arguments)) {
			return fmt.Errorf("call %d: %v, expected %v", place, got[place], call)
		}
		ids = append(ids, got[place].id)
	}
	slices.Sort(ids)
	if ids[len(ids)-1] != "" && (ids[0] == "" || len(slices.Compact(slices.Clone(ids))) != len(ids)) {
		return fmt.Errorf("ids: %q", ids)
	}
	return nil
}

func refusal(ctx context.Context, it client, asked asked, model string) error {
	for _, wanted := range asked.Statuses {
		text := withWishes("fail", fmt.Sprintf("error %d", wanted))
		_, whole := it.converse(ctx, model, []string{text})
		streamed := it.stream(ctx, model, text, func(string) {})
		for _, err := range []error{whole, streamed} {
			status, message := it.refused(err)
			if status != wanted || !strings.Contains(message, fmt.Sprintf("The demo says %d.", wanted)) {
				return fmt.Errorf("%d: %v", wanted, err)
			}
		}
	}
	return nil
}

// cut is a stream that breaks off half way: what came is given, then the SDK's error.
func cut(ctx context.Context, it client, asked asked, model string) error {
	for _, how := range asked.Breaks {
		text := withWishes("one two three", "break "+how)
		got := ""
		err := it.stream(ctx, model, text, func(piece string) { got += piece })
		if !it.broken(err) {
			return fmt.Errorf("%s: %T %v", how, err, err)
		}
		if got == "" || !strings.HasPrefix(answer(text, 1), got) {
			return fmt.Errorf("%s: the half of it: %q", how, got)
		}
	}
	return nil
}

// silent is an upstream that says nothing for a while: what the gateway sends meanwhile must not disturb.
func silent(ctx context.Context, it client, asked asked, model string) error {
	wait, pause := fmt.Sprintf("wait %d", asked.Wait), fmt.Sprintf("pause %d", asked.Pause)
	text := withWishes("hello", wait)
	got, err := it.converse(ctx, model, []string{text})
	if err := equal("whole", got, []string{answer(text, 1)}, err); err != nil {
		return err
	}
	text = withWishes("one two three", wait, pause)
	all := ""
	err = it.stream(ctx, model, text, func(piece string) { all += piece })
	return equal("streamed", all, answer(text, 1), err)
}

func equal(what string, got, wanted any, err error) error {
	if err == nil && !reflect.DeepEqual(got, wanted) {
		err = fmt.Errorf("%s: %q, expected %q", what, got, wanted)
	}
	return err
}
