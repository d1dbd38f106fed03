package main

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// asked is what every client asks, as ../asked.py says it.
type asked struct {
	System   string          `json:"system"`
	Statuses []int           `json:"statuses"`
	Breaks   []string        `json:"breaks"`
	Wait     int             `json:"wait"`
	Pause    int             `json:"pause"`
	Calls    []wanted        `json:"calls"`
	Tools    map[string]tool `json:"tools"`
}

// wanted is a call that the demo is asked for, and what the tool says to it.
type wanted struct {
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
	Result    string         `json:"result"`
	Wish      string         `json:"wish"`
}

type tool struct {
	Description string         `json:"description"`
	Schema      map[string]any `json:"schema"`
}

// fresh is a text that no other conversation begins with.
func fresh(text string) string {
	return text + " " + rand.Text()[:8]
}

// long is a text whose answer takes a second to stream.
func long() string {
	return fresh("a b c d e f g h i j k l m n o p q r s t")
}

func withWishes(text string, wishes ...string) string {
	lines := []string{fresh(text)}
	for _, wish := range wishes {
		lines = append(lines, "demo:"+wish)
	}
	return strings.Join(lines, "\n")
}

func answer(text string, turn int) string {
	return fmt.Sprintf("This is turn %d. You said: %s", turn, text)
}
