package child

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// object builds the inside of a JSON object in the order of its calls, spelt as orjson spells it:
// encoding/json would escape U+2028 and U+2029, and write a whole float without ".0".
type object []byte

func (o object) key(name string) object {
	if len(o) > 0 {
		o = append(o, ',')
	}
	return append(appendText(o, name), ':')
}

func (o object) text(name, value string) object {
	return appendText(o.key(name), value)
}

// optional leaves the key out where there is no text.
func (o object) optional(name, value string) object {
	if value == "" {
		return o
	}
	return o.text(name, value)
}

func (o object) integer(name string, value int64) object {
	return strconv.AppendInt(o.key(name), value, 10)
}

func (o object) float(name string, value float64) object {
	return appendFloat(o.key(name), value)
}

// settings adds an object of an adapter's own values, in their order. It panics at a value that JSON
// has no word for.
func (o object) settings(name string, settings []Setting) object {
	inner := object{}
	for _, setting := range settings {
		switch value := setting.Value.(type) {
		case string:
			inner = inner.text(setting.Name, value)
		case float64:
			inner = inner.float(setting.Name, value)
		default:
			text, err := json.Marshal(value)
			if err != nil {
				panic(fmt.Sprintf("the setting %s cannot be written: %v", setting.Name, err))
			}
			inner = append(inner.key(setting.Name), text...)
		}
	}
	o = append(o.key(name), '{')
	o = append(o, inner...)
	return append(o, '}')
}

var escapes = map[byte]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`,
}

// appendText writes a JSON string; only what JSON demands is escaped, and bytes that are no UTF-8
// become U+FFFD, so that a library's error text can never break a line.
func appendText(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for at := 0; at < len(text); {
		letter := text[at]
		if letter >= utf8.RuneSelf {
			character, size := utf8.DecodeRuneInString(text[at:])
			to = utf8.AppendRune(to, character)
			at += size
			continue
		}
		switch {
		case letter >= ' ' && letter != '"' && letter != '\\':
			to = append(to, letter)
		case escapes[letter] != "":
			to = append(to, escapes[letter]...)
		default:
			to = append(to, '\\', 'u', '0', '0', hex[letter>>4], hex[letter&0xf])
		}
		at++
	}
	return append(to, '"')
}

// appendFloat writes the shortest decimal that reads back as the same value: plain from 1e-5 up to
// 1e16 and always with a fraction, else with an exponent; null for what JSON has no word for.
func appendFloat(to []byte, value float64) []byte {
	size := math.Abs(value)
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return append(to, "null"...)
	case size != 0 && (size < 1e-5 || size >= 1e16):
		text := strconv.FormatFloat(value, 'e', -1, 64)
		if end := len(text) - 2; text[end] == '0' && (text[end-1] == '-' || text[end-1] == '+') {
			text = text[:end] + text[end+1:]
		}
		return append(to, text...)
	case value == math.Trunc(value):
		return append(strconv.AppendFloat(to, value, 'f', -1, 64), ".0"...)
	default:
		return strconv.AppendFloat(to, value, 'f', -1, 64)
	}
}
